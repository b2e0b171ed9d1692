package judge_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// Only what both looks of an inspection show is red, and what one of them shows is not green either.
func TestOnlyBothLooksMakeAFailure(t *testing.T) {
	pod := check.Subject{Kind: "pod", Name: rt.Name(0)}
	for name, c := range map[string]struct {
		first, second check.Outcome
		static        bool
		want          judge.Verdict
		says          string
	}{
		"both":                   {check.Fail, check.Fail, false, judge.Fail, "broken"},
		"neither":                {check.Pass, check.Pass, false, judge.Pass, ""},
		"the first":              {check.Fail, check.Pass, false, judge.Unknown, "in the first of two looks only"},
		"the second":             {check.Pass, check.Fail, false, judge.Unknown, "in the second of two looks only"},
		"not seen at first":      {check.Unseen, check.Fail, false, judge.Unknown, "in the second of two looks only"},
		"not seen in the end":    {check.Fail, check.Unseen, false, judge.Unknown, ""},
		"the manifests, as read": {check.Pass, check.Fail, true, judge.Fail, "broken"},
	} {
		s := rt.Console(2)
		s.Scenario = recording.Inspect
		s.Add(recording.Event{T: rt.Before, By: recording.ByRun, Act: &recording.Act{Do: recording.LookAgain}})
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Ready = true; old(e.Pod) })
		one := check.Check{ID: "x/y", Scenario: recording.Inspect, Static: c.static, Judge: func(v *view.View) []check.Finding {
			f := check.Finding{Subject: pod, Outcome: c.second}
			if v.Earlier() == nil {
				f.Outcome = c.first
			}
			if f.Outcome == check.Fail {
				f.Code, f.Message = "z", "broken"
			}
			return []check.Finding{f}
		}}
		p := judgedAs(t, s, one)
		if r := p.Results[0]; r.Verdict != c.want || !strings.Contains(r.Message, c.says) {
			t.Errorf("%s: %s %q", name, r.Verdict, r.Message)
		}
	}
}

// judgedAs judges a recording as the scenario that it is.
func judgedAs(t *testing.T, s *rt.Recording, checks ...check.Check) judge.Profile {
	t.Helper()
	return judge.Judge("dns-a", []judge.Scenario{{Name: s.Scenario, View: fold(t, s)}}, checks)
}

// old lets a pod run for long.
func old(p *recording.Pod) {
	p.Created = p.Created.AddDate(-1, 0, 0)
	for i := range p.Containers {
		p.Containers[i].Started = p.Containers[i].Started.AddDate(-1, 0, 0)
	}
}

// An inspection has its own checks, and a run has none of those that only inspections have.
func TestRunsAndInspectionsHaveChecksOfTheirOwn(t *testing.T) {
	s := rt.Console(2)
	run := judgedAs(t, s, rules.All()...)
	s.Scenario = recording.Inspect
	inspection := judgedAs(t, s, rules.All()...)
	has := func(p judge.Profile, id string) bool {
		for _, r := range p.Results {
			if r.ID == id {
				return true
			}
		}
		return false
	}
	for id, of := range map[string][2]bool{"mesh/linked": {false, true}, "recovery/pod-delete": {true, false}, "pods/ready": {true, true}} {
		if has(run, id) != of[0] || has(inspection, id) != of[1] {
			t.Errorf("%s: in a run %t, in an inspection %t", id, has(run, id), has(inspection, id))
		}
	}
	if run.Inspection != nil || inspection.Inspection == nil {
		t.Error("what is said of an inspection is said of a run")
	}
}
