package judge_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// A check that is judged on several scenarios has a result for each that is part of the run, and one that is skipped where none is.
func TestACheckIsJudgedOnEachOfItsScenarios(t *testing.T) {
	c := check.Check{ID: "x/y", Scenario: "first", Also: []recording.Scenario{"second", "third"}, Judge: func(v *view.View) []check.Finding {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Pass}}
	}}
	v := fold(t, rt.Formation(3))
	for _, x := range []struct {
		scenarios []judge.Scenario
		want      string
	}{
		{nil, "first skip"},
		{[]judge.Scenario{{Name: "first", Skip: "not asked for"}, {Name: "second", Skip: "not asked for"}}, "first skip"},
		{[]judge.Scenario{{Name: "first", View: v}, {Name: "second", Skip: "not asked for"}}, "first pass"},
		{[]judge.Scenario{{Name: "first", Skip: "not asked for"}, {Name: "second", Why: "the run ended"}, {Name: "third", View: v}}, "second unknown, third pass"},
	} {
		var got []string
		for _, r := range judge.Judge("p", x.scenarios, []check.Check{c}).Results {
			got = append(got, string(r.Scenario)+" "+string(r.Verdict))
		}
		if strings.Join(got, ", ") != x.want {
			t.Errorf("%v, want %s", got, x.want)
		}
	}
}

// What the profile has nothing for is skipped once, whatever was recorded.
func TestACheckThatDoesNotApplyIsSaidOnce(t *testing.T) {
	c := check.Check{ID: "x/y", Scenario: "first", Also: []recording.Scenario{"second", "third"}, Inapplicable: func(*view.View) string { return "no question" },
		Judge: func(*view.View) []check.Finding { panic("judged") }}
	results := judge.Judge("p", []judge.Scenario{{Name: "first", View: fold(t, rt.Formation(3))}, {Name: "second", View: fold(t, rt.Recovery(3))}, {Name: "third", Why: "the run ended"}}, []check.Check{c}).Results
	if len(results) != 1 || results[0].Verdict != judge.Skip || results[0].Reason != "no question" {
		t.Errorf("%+v", results)
	}
}
