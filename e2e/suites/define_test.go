package suites

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/scenario"
)

// waiter gives a workload's results after a scenario. It is a run in progress, or recordings of one.
type waiter interface {
	Wait(ctx context.Context, workload string, name scenario.Name) (judge.Profile, error)
}

// define builds the tree: the profile, its scenarios, and one spec for each check that is judged on them. A failed
// spec does not end the others: each stands for a verdict of its own.
func define(name string, checks []check.Check, session func() waiter) {
	ginkgo.Describe(name, func() {
		for _, s := range scenario.All() {
			ginkgo.Describe(string(s.Name), ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
				var verdicts map[string]judge.Result // of this scenario, by the check's id
				ginkgo.BeforeAll(func(ctx context.Context) {
					p, err := session().Wait(ctx, name, s.Name)
					gomega.Expect(err).NotTo(gomega.HaveOccurred())
					verdicts = byID(p, s.Name)
				})
				for _, c := range checks {
					if slices.Contains(c.Scenarios(), s.Name) {
						ginkgo.It(c.Title, label(c), func() { express(verdicts, c.ID, s.Name) })
					}
				}
			})
		}
	})
}

// label carries the check's id in Ginkgo's label alphabet, which has no slash: "dns:a-records-match-pods".
func label(c check.Check) ginkgo.Labels {
	return ginkgo.Label(idLabel(c), string(c.Rung), string(c.Level))
}

func idLabel(c check.Check) string { return strings.ReplaceAll(c.ID, "/", ":") }

func byID(p judge.Profile, name scenario.Name) map[string]judge.Result {
	m := map[string]judge.Result{}
	for _, r := range p.Results {
		if r.Scenario == name {
			m[r.ID] = r
		}
	}
	return m
}

// express says a verdict in Ginkgo's words: unknown fails, too, because it is not health. A check that is judged on several scenarios
// has a result only for those that are part of the run.
func express(verdicts map[string]judge.Result, id string, name scenario.Name) {
	r, judged := verdicts[id]
	if !judged {
		ginkgo.Skip("the scenario " + string(name) + " is not part of this run")
	}
	switch r.Verdict {
	case judge.Pass, judge.Advised:
	case judge.Skip, judge.Waived, judge.Suppressed, judge.Accepted:
		ginkgo.Skip(r.Reason)
	case judge.Blocked:
		ginkgo.Skip("blocked by: " + strings.Join(r.BlockedBy, ", "))
	default:
		ginkgo.Fail(fmt.Sprintf("%s: %s", r.Verdict, r.Message))
	}
}

// selected are the checks that Ginkgo's focus, skip and label filters leave; the others are not even recorded for.
func selected(checks []check.Check, suite types.SuiteConfig, reporter types.ReporterConfig) ([]check.Check, error) {
	left := map[string]bool{}
	for _, s := range ginkgo.PreviewSpecs("meshproof", suite, reporter).SpecReports {
		if s.State.Is(types.SpecStateSkipped) {
			continue
		}
		for _, l := range s.Labels() {
			left[l] = true
		}
	}
	var all []check.Check
	for _, c := range checks {
		if left[idLabel(c)] {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("no check is selected by these filters"))
	}
	return all, nil
}
