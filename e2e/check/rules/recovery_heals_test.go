package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryHeals(t *testing.T) {
	short := func(s *rt.Recording) {
		edit(s, func(p *profile.Resolved) { p.Budgets.Recovery = profile.Duration(5 * time.Second) })
	}
	apart := func(s *rt.Recording) {
		sees(s, 0, 1, rt.Healed, rt.Repaired+1, false)
		sees(s, 1, 0, rt.Healed, rt.Repaired+1, false)
	}
	try(t, "recovery/heals", []trial{
		nothingDone("nothing was done"),
		{"they do not connect again", func(s *rt.Recording) { short(s); apart(s) }, []want{
			{pair(0, 1), check.Fail, "not-in-view", []string{"6 s after it was over that a link was cut", rt.Node(0) + " does not see " + rt.Node(1)}}, {pair(1, 0), check.Fail, "not-in-view", nil}}},
		{"one view is left", func(s *rt.Recording) { short(s); sees(s, 0, 1, rt.Healed, rt.Repaired+1, false) }, []want{{pair(0, 1), check.Fail, "not-in-view", nil}}},
		{"there was not time enough", apart, []want{{whole, check.Unseen, "", []string{"6.0 s after the disturbance", "60 s"}}}},
		{"it was not healed", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isAct(e) && e.Act.Do == recording.Heal })
		}, []want{{whole, check.Unseen, "", nil}}},
		{"only after a restart", func(s *rt.Recording) {
			s.Change(isNodes(2, rt.Healed), func(e *recording.Event) { e.Nodes.Creation++ })
		}, []want{{pod(2), check.Fail, "restarted", []string{rt.Node(2), "1700000003", "was 1700000002", "a link was cut"}}}},
		{"a node that was killed meanwhile", func(s *rt.Recording) {
			s.Change(isNodes(2, rt.Healed), func(e *recording.Event) { e.Nodes.Creation++ })
			s.Add(recording.Event{T: rt.Deleted + time.Second, By: "run", Act: &recording.Act{Do: recording.KillContainer, Pod: rt.UID(2)}})
		}, nil},
		{"one view was not seen", func(s *rt.Recording) { short(s); s.Drop(isNodes(1, rt.Healed)) }, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		noMeshMeant(),
	})
}
