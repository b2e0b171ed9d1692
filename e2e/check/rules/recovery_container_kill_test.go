package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryContainerKill(t *testing.T) {
	const back = rt.Deleted + 500*time.Millisecond
	// silent is the node of pod 0 not coming back: nobody hears or sees it after it was killed.
	silent := func(s *rt.Recording) {
		s.Drop(isNodes(0, back))
		for i := 1; i < 3; i++ {
			s.Change(isNodes(i, rt.Rejoined), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(0)) })
		}
	}
	down := func(s *rt.Recording) {
		silent(s)
		s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.T > rt.Deleted }, func(e *recording.Event) {
			c := &e.Pod.Containers[0]
			e.Pod.Ready, c.State, c.Reason, c.Restarts, c.Log = false, "waiting", "CrashLoopBackOff", 2, []string{"/tmp/started is there: another instance runs"}
		})
	}
	try(t, "recovery/container-kill", []trial{
		{"nothing was killed", func(s *rt.Recording) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"no container was killed"}}}},
		{"it does not start again", down, []want{{pod(0), check.Fail, "not-restarted",
			[]string{rt.Name(0), "waiting (CrashLoopBackOff)", "another instance runs", "a second time in the same pod"}}}},
		{"it runs, and is never Ready", func(s *rt.Recording) {
			silent(s)
			s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.T > rt.Deleted }, func(e *recording.Event) { e.Pod.Ready = false })
		}, []want{{pod(0), check.Fail, "not-restarted", []string{"container derl is running"}}}},
		{"it runs and is Ready, and its view was not seen", silent, []want{{pod(0), check.Unseen, "", []string{"the view of " + rt.Name(0)}}}},
		{"it has the same creation", func(s *rt.Recording) {
			s.Change(isNodes(0, back), func(e *recording.Event) { e.Nodes.Creation = 1700000000 })
		}, []want{{pod(0), check.Fail, "same-creation", []string{rt.Node(0), "the same creation 1700000000"}}}},
		{"it was not seen to end", func(s *rt.Recording) {
			s.Change(isNodes(0, back), func(e *recording.Event) { e.Nodes.Creation = 1700000000 })
			s.Drop(func(e recording.Event) bool { return isVM(0)(e) && e.T > rt.Deleted })
		}, []want{{pod(0), check.Unseen, "", []string{"the exit of the VM of " + rt.Name(0) + " was not seen"}}}},
		{"its creation before was not seen", func(s *rt.Recording) {
			s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Creation = 0 })
			s.Drop(toDist(0, 0))
		}, []want{{pod(0), check.Unseen, "", []string{"before its container was killed is not known"}}}},
		{"one peer does not take it back", func(s *rt.Recording) {
			s.Change(isNodes(1, rt.Rejoined), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(0)) })
		}, []want{{pair(1, 0), check.Fail, "not-rejoined", []string{rt.Node(1) + " does not see " + rt.Node(0), "dist_auto_connect"}}}},
		{"one view was not seen", func(s *rt.Recording) { s.Drop(isNodes(1, 26*time.Second)) }, []want{{pair(1, 0), check.Unseen, "", []string{rt.Name(1)}}}},
	})
}
