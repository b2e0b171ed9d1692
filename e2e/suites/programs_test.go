package suites

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// replay is a run that took place before: its recordings, judged.
type replay struct{ profile judge.Profile }

func (r replay) Wait(context.Context, string, scenario.Name) (judge.Profile, error) {
	return r.profile, nil
}

// failures counts the failures that Ginkgo would have reported to testing.
type failures struct{ n int }

func (f *failures) Fail() { f.n++ }

// record writes a recording to a file and reads it back, as a judge of old recordings does.
func record(t *testing.T, s *recordingtest.Recording) judge.Scenario {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.jsonl")
	w, err := recording.Create(path, s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		w.Write(e)
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := view.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return judge.Scenario{Name: v.Header.Scenario, View: v}
}

// The same recordings give the same verdicts in both programs: the judge's, which every report is written from, and
// Ginkgo's specs. One node refuses the cookie in them, so that all kinds of verdicts are among them.
func TestBothProgramsAgree(t *testing.T) {
	if current != nil {
		t.Skip("Ginkgo runs one suite in a process, and that is the end-to-end suite now")
	}
	formation := recordingtest.Formation(3)
	formation.Change(
		func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Cookie == "A" && e.Cookie.Pod == recordingtest.UID(1)
		},
		func(e *recording.Event) {
			c := *e.Cookie
			c.Outcome = recording.Denied
			e.Cookie = &c
		})
	p := judge.Judge("dns-a", []judge.Scenario{record(t, formation), record(t, recordingtest.Recovery(3))}, rules.All())

	gomega.RegisterFailHandler(ginkgo.Fail)
	define("dns-a", rules.All(), func() waiter { return replay{p} })
	specs := map[string]types.SpecReport{} // by the check's id and the scenario
	want := 0
	for _, c := range rules.All() {
		want += len(recorded(c))
	}
	ginkgo.ReportAfterSuite("collect", func(r ginkgo.Report) {
		for _, s := range r.SpecReports {
			for _, l := range s.Labels() {
				if strings.Contains(l, ":") {
					specs[strings.Replace(l, ":", "/", 1)+" "+s.ContainerHierarchyTexts[len(s.ContainerHierarchyTexts)-1]] = s
				}
			}
		}
	})
	suite, reporter := ginkgo.GinkgoConfiguration()
	reporter.Succinct, reporter.NoColor = true, true
	reported := &failures{}
	ginkgo.RunSpecs(reported, "doors", suite, reporter)

	if len(specs) != want {
		t.Errorf("%d specs, %d of the registry", len(specs), want)
	}
	for _, r := range p.Results {
		s, there := specs[r.ID+" "+string(r.Scenario)]
		want := map[judge.Verdict]types.SpecState{judge.Pass: types.SpecStatePassed, judge.Fail: types.SpecStateFailed, judge.Unknown: types.SpecStateFailed}[r.Verdict]
		if want == types.SpecStateInvalid {
			want = types.SpecStateSkipped
		}
		if !there || s.State != want {
			t.Errorf("%s: the judge says %s, Ginkgo %s", r.ID, r.Verdict, s.State)
		}
		if s.State == types.SpecStateFailed && !strings.Contains(s.FailureMessage(), r.Message) {
			t.Errorf("%s: the judge says %q, Ginkgo %q", r.ID, r.Message, s.FailureMessage())
		}
	}
	if _, failed, _ := p.Counts(); failed == 0 || reported.n == 0 {
		t.Errorf("%d failed in the report, Ginkgo failed %d times: nothing was compared", failed, reported.n)
	}
}

// recorded are the scenarios of a check but for the inspection of a cluster that runs, which is none of a run.
func recorded(c check.Check) []scenario.Name {
	return slices.DeleteFunc(c.Scenarios(), func(name scenario.Name) bool { return name == recording.Inspect })
}

// Every scenario that a check belongs to has a place in the tree.
func TestScenariosOfTheRegistryAreRun(t *testing.T) {
	for _, c := range rules.All() {
		for _, name := range recorded(c) {
			if !slices.Contains(scenario.Names(), name) {
				t.Errorf("%s is judged on %q, which no run records", c.ID, name)
			}
		}
	}
}

// A -timeout must leave time for every scenario that is recorded, the rollout and the console, too.
func TestTheEstimateHasEveryScenario(t *testing.T) {
	of := func(p profile.Resolved, named ...scenario.Name) time.Duration {
		return estimate([]*workload.Workload{{Resolved: &p}}, named)
	}
	p := profile.Resolved{Workloads: []profile.Workload{{Replicas: 3}}, Budgets: profile.Budgets{Formation: profile.Duration(time.Minute), Recovery: profile.Duration(time.Minute)}}
	plain := of(p)
	p.Rollout = []string{"Deployment/derl"}
	rolled := of(p)
	p.Console = []profile.Command{{Name: "ping"}}
	if spoken := of(p); plain < 8*time.Minute || rolled < plain+3*time.Minute || spoken <= rolled || of(p, "recovery") != plain {
		t.Errorf("estimated are %s, with a rollout %s, with console commands %s", plain, rolled, spoken)
	}
}
