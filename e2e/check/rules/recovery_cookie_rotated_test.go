package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryCookieRotated(t *testing.T) {
	apart := func(s *rt.Recording) {
		for i := 1; i < 3; i++ {
			s.Change(isNodes(i, 0), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3)) })
		}
	}
	try(t, "recovery/cookie-rotated", []trial{
		{"nothing was done", func(s *rt.Recording) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"no cookie was changed"}}}},
		{"there was no mesh to begin with", func(s *rt.Recording) {
			s.Drop(isAct)
			s.Add(recording.Event{T: rt.Deleted, By: "run", Act: &recording.Act{Do: recording.NotDone, Detail: "there was no healthy mesh to begin with: 2 of 3 pods ready"}})
		}, []want{{whole, check.Unseen, "", []string{"no healthy mesh to begin with: 2 of 3 pods ready"}}}},
		{"the replacement has another cookie than the others", func(s *rt.Recording) {
			apart(s)
			s.Add(recording.Event{T: rt.Rejoined, By: rt.Agent, Cookie: &recording.Cookie{Pod: rt.UID(3), Cookie: "A", Outcome: recording.Denied}})
		}, []want{
			{pair(1, 3), check.Fail, "old-and-new", []string{"Secret derl was changed", rt.Node(1), "does not see " + rt.Node(3), "with the cookie from before: refused", "erlang:set_cookie/1"}},
			{pair(2, 3), check.Fail, "old-and-new", nil},
		}},
		{"nobody replaced the pod", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isNodes(3, 0)(e) })
		}, []want{{pod(0), check.Unseen, "", []string{"no pod replaced"}}}},
		{"the replacement never ran", func(s *rt.Recording) {
			apart(s)
			s.Change(isPod(3), func(e *recording.Event) { e.Pod.Ready = false })
			s.Drop(func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(3) })
		}, []want{{pair(1, 3), check.Unseen, "", []string{"was not seen to run"}}, {pair(2, 3), check.Unseen, "", nil}}},
		{"nobody saw the views of the others", func(s *rt.Recording) { s.Drop(isNodes(1, 0)) }, []want{{pair(1, 3), check.Unseen, "", nil}}},
		noOthersReady(),
	})
}
