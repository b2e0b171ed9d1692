package judge_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// asks gives the profile a question for expect.agree, so that each check applies.
func asks(s *rt.Recording) {
	var p profile.Resolved
	s.Edit(&p, func() { p.Expect.Agree = []profile.Agreement{{Name: "members", Run: []string{"shop"}}} })
}

// A scenario whose fault did not bite is no proof of health, whatever the checks would say.
func TestAVoidScenarioIsUnknown(t *testing.T) {
	s := rt.Formation(3)
	asks(s)
	whole := judge.Judge("x", []judge.Scenario{{Name: "formation", View: fold(t, s)}}, rules.All())
	s.Add(recording.Event{T: time.Second, By: "run", Act: &recording.Act{Do: "void", Detail: "drop-in of 10.0.0.1 port 10000 does not bite"}})
	void := judge.Judge("x", []judge.Scenario{{Name: "formation", View: fold(t, s)}}, rules.All())
	passed := 0
	for i, r := range void.Results {
		was := whole.Results[i].Verdict
		if was == judge.Pass {
			passed++
		}
		switch {
		case r.Scenario != "formation" || r.Level == check.Advice:
			if r.Verdict != judge.Skip {
				t.Errorf("%s is %s", r.ID, r.Verdict)
			}
		case r.Verdict != judge.Unknown || !strings.Contains(r.Message, "does not bite"):
			t.Errorf("%s is %s: %s", r.ID, r.Verdict, r.Message)
		}
	}
	if passed < 5 {
		t.Errorf("only %d checks passed without the act: the test proves nothing", passed)
	}
}

// While a fault that should be healed may still be there, nothing is the application's failure.
func TestAnUnhealedFaultIsUnknown(t *testing.T) {
	s := rt.Formation(3)
	asks(s)
	s.Add(recording.Event{T: time.Second, By: "run", Act: &recording.Act{Do: recording.Unhealed, Detail: "cut between 10.0.0.1 and 10.0.0.2 could not be healed yet"}})
	for _, r := range judge.Judge("x", []judge.Scenario{{Name: "formation", View: fold(t, s)}}, rules.All()).Results {
		if r.Scenario == "formation" && r.Level != check.Advice && (r.Verdict != judge.Unknown || !strings.Contains(r.Message, "could not be healed")) {
			t.Errorf("%s is %s: %s", r.ID, r.Verdict, r.Message)
		}
	}
}
