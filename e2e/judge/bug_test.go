package judge_test

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// A check that panics is our own fault. It is said so, ends with 70, and takes no other verdict with it.
func TestACheckThatPanics(t *testing.T) {
	scenarios := []judge.Scenario{{Name: "formation", View: fold(t, rt.Formation(3))}}
	checks := rules.All()
	i := slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == "epmd/reachable" })
	checks[i].Judge = func(v *view.View) []check.Finding {
		nobody, _ := v.Pod("nobody")
		return []check.Finding{{Subject: check.OnPod(nobody)}}
	}
	whole, broken := judge.Judge("x", scenarios, rules.All()), judge.Judge("x", scenarios, checks)
	for n, r := range broken.Results {
		is := r.ID == checks[i].ID
		switch was := whole.Results[n]; {
		case !is && r.Verdict != was.Verdict:
			t.Errorf("%s is %s, and %s where no check panics", r.ID, r.Verdict, was.Verdict)
		case is && (r.Verdict != judge.Unknown || !strings.HasPrefix(r.Message, "a bug of ours in epmd/reachable: ") || !strings.Contains(r.Message, "subject.go:")):
			t.Errorf("%s is %s: %s", r.ID, r.Verdict, r.Message)
		}
	}
	if len(broken.Bugs) != 1 || len(whole.Bugs) != 0 {
		t.Errorf("bugs %q, and without one %q", broken.Bugs, whole.Bugs)
	}
	if code := broken.ExitCode(); code != exitcode.Internal {
		t.Errorf("exit code %d", code)
	}
	for n := range broken.Results {
		if broken.Results[n].Verdict == judge.Pass {
			broken.Results[n].Verdict = judge.Fail
			break
		}
	}
	if code := broken.ExitCode(); code != exitcode.Fail {
		t.Errorf("with a failure beside the bug: exit code %d", code)
	}
}
