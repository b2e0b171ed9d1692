package rules_test

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// trial is a healthy recording changed in one way, and what the check must then find. Subjects that are not named must pass.
type trial struct {
	name   string
	change func(s *rt.Recording)
	want   []want
}

// want is the finding of one subject, or of all that fit a subject that ends with "*".
type want struct {
	subject string // as check.Subject.String has it
	outcome check.Outcome
	code    string
	says    []string // each of them part of the sentence, the evidence or the remedy
}

// try judges the trials of a check, and the recordings in which nothing is wrong. It holds that the trials are complete: each
// diagnosis that the check declares comes out of one, no trial has another, and there is one in which nothing was seen.
func try(t *testing.T, id string, trials []trial) {
	t.Helper()
	all := rules.All()
	i := slices.IndexFunc(all, func(c check.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	c := all[i]
	t.Run("nothing wrong", func(t *testing.T) { healthyRecordingsPass(t, c, trials) })
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			s := healthy(c.Scenario, 3)
			tr.change(s)
			judged(t, c.Judge(fold(t, s)), tr.want)
		})
	}
	t.Run("what observers missed", func(t *testing.T) { covered(t, c, trials) })
	complete(t, c, trials)
}

// complete holds that the trials are.
func complete(t *testing.T, c check.Check, trials []trial) {
	t.Helper()
	red := check.Fail
	if c.Rung == check.Probe {
		red = check.Unseen // our own failure is nobody's red
	}
	outcomes := map[check.Outcome]bool{}
	codes := map[string]bool{}
	for _, tr := range trials {
		for _, w := range tr.want {
			outcomes[w.outcome] = true
			if w.outcome == red && w.code != "" {
				codes[w.code] = true
			}
		}
	}
	for _, o := range []check.Outcome{red, check.Unseen} {
		if !outcomes[o] {
			t.Errorf("no trial of %s ends with %s", c.ID, o)
		}
	}
	for code := range c.Causes {
		if !codes[code] {
			t.Errorf("no trial of %s ends with %s", c.ID, code)
		}
	}
	for code := range codes {
		if _, declared := c.Causes[code]; !declared {
			t.Errorf("%s does not declare its diagnosis %s", c.ID, code)
		}
	}
}

// healthy is the recording of n nodes on which a check of that scenario passes.
func healthy(scenario recording.Scenario, n int) *rt.Recording {
	switch scenario {
	case "formation":
		return rt.Formation(n)
	case "recovery":
		return rt.Recovery(n)
	case "container-kill":
		return rt.ContainerKill(n)
	case "rollout":
		return rt.Rollout(n)
	case "scale":
		return rt.Scaled(n)
	case "secret-rotated":
		return rt.Rotated(n)
	case "link-cut":
		return rt.LinkCut(n)
	case "blip-5":
		return rt.Blip(n)
	default: // and inspect, which is of a mesh that has formed, too
		return rt.Console(n)
	}
}

// edit changes the profile that a recording is judged by.
func edit(s *rt.Recording, change func(p *profile.Resolved)) {
	var p profile.Resolved
	s.Edit(&p, func() { change(&p) })
}

func fold(t testing.TB, s *rt.Recording) *view.View {
	t.Helper()
	v, err := view.New(s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		v.Apply(e)
	}
	return v
}

// healthyRecordingsPass holds that the check passes where nothing is wrong. It need not apply there where a trial has it pass.
func healthyRecordingsPass(t *testing.T, c check.Check, trials []trial) {
	t.Helper()
	passes := func(tr trial) bool {
		return slices.ContainsFunc(tr.want, func(w want) bool { return w.outcome == check.Pass })
	}
	for _, n := range []int{2, 3, 7} {
		found := c.Judge(fold(t, healthy(c.Scenario, n)))
		if len(found) == 0 {
			t.Errorf("%s found nothing to judge among %d nodes", c.ID, n)
		}
		for _, f := range found {
			// With two nodes, one of which is deleted, no link is left untouched.
			if f.Outcome == check.NotApplicable && n == 2 && c.ID == "recovery/survivors-keep-links" {
				continue
			}
			if f.Outcome == check.NotApplicable && slices.ContainsFunc(trials, passes) {
				continue
			}
			if f.Outcome != check.Pass {
				t.Errorf("%s with %d nodes: %s: %s %s: %s", c.ID, n, f.Subject, f.Outcome, f.Code, f.Message)
			}
			if f.Took < 0 || f.Took > rt.Formed && c.ID != "image/available" {
				t.Errorf("%s with %d nodes: %s took %s", c.ID, n, f.Subject, f.Took)
			}
		}
	}
}

// judged compares what was found with what was wanted, both ways.
func judged(t *testing.T, found []check.Finding, wanted []want) {
	t.Helper()
	met := make([]bool, len(wanted))
	for _, f := range found {
		i := fitting(f.Subject.String(), wanted)
		if i < 0 {
			if f.Outcome != check.Pass {
				t.Errorf("%s: %s %s: %s; it has to pass", f.Subject, f.Outcome, f.Code, f.Message)
			}
			continue
		}
		w := wanted[i]
		// A subject that is judged twice (its view and its DNS) may pass in the other.
		if f.Outcome == check.Pass && w.outcome != check.Pass {
			continue
		}
		met[i] = true
		if f.Outcome != w.outcome || f.Code != w.code {
			t.Errorf("%s: %s %q, wanted %s %q: %s", f.Subject, f.Outcome, f.Code, w.outcome, w.code, f.Message)
		}
		told := strings.Join(append([]string{f.Message, f.Remedy, f.Try}, f.Seen...), "\n")
		for _, part := range w.says {
			if !strings.Contains(told, part) {
				t.Errorf("%s does not say %q:\n%s", f.Subject, part, told)
			}
		}
		if f.Outcome == check.Fail && f.Message == "" {
			t.Errorf("%s fails without a sentence", f.Subject)
		}
	}
	for i, w := range wanted {
		if !met[i] {
			t.Errorf("%s was not found to be %s %s", w.subject, w.outcome, w.code)
		}
	}
}

func fitting(subject string, wanted []want) int {
	for i, w := range wanted {
		if prefix, open := strings.CutSuffix(w.subject, "*"); w.subject == subject || open && strings.HasPrefix(subject, prefix) {
			return i
		}
	}
	return -1
}
