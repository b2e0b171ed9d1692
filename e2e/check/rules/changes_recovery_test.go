package rules_test

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func isAct(e recording.Event) bool { return e.Act != nil }

func oneReplica() trial {
	return trial{"one replica", func(s *rt.Recording) {
		s.Events = rt.Recovery(1).Events
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Replicas = 1 })
	}, []want{{whole, check.NotApplicable, "", []string{"1 replicas"}}}}
}

func noOthersReady() trial {
	return trial{"nobody else was Ready", func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) }, func(e *recording.Event) { e.Pod.Ready = false })
	}, []want{{whole, check.Unseen, "", []string{"fewer than", "Ready when"}}}}
}

// takesOverName gives the replacement the victim's name, as a StatefulSet does.
func takesOverName(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Nodes != nil || e.Dist != nil }, func(e *recording.Event) {
		switch {
		case e.Dist != nil && e.Dist.Node == rt.Node(3):
			e.Dist.Node = rt.Node(0)
		case e.Nodes != nil:
			if e.Nodes.Node == rt.Node(3) {
				e.Nodes.Node = rt.Node(0)
			}
			for k, n := range e.Nodes.Visible {
				if n == rt.Node(3) {
					e.Nodes.Visible[k] = rt.Node(0)
				}
			}
		}
	})
}

func noDeletion() trial {
	return trial{"no pod was deleted", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Act != nil }) }, []want{{whole, check.Unseen, "", []string{"no pod was deleted"}}}}
}
