package rules_test

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func noRollout() trial {
	return trial{"no rollout", func(s *rt.Recording) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"no rollout"}}}}
}

func otherWorkload() trial {
	return trial{"pods of another workload", func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Owner = "ReplicaSet/other-6c9f" })
	}, []want{{whole, check.Unseen, "", []string{"no pod of the old version"}}}}
}

// neverEnds is pod 2 that is never told to end.
func neverEnds(s *rt.Recording) {
	s.Change(isPod(2), func(e *recording.Event) {
		e.Pod.Deleting, e.Pod.Gone, e.Pod.Ready, e.Pod.Phase = false, false, true, "Running"
		e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "running", ""
	})
	s.Drop(func(e recording.Event) bool {
		return e.Process != nil && e.Process.Pod == rt.UID(2) && e.Process.Exited
	})
}
