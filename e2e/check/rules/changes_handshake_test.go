package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// toDist are the dials to pod i's distribution port from t on.
func toDist(i int, t time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(i) && e.T >= t }
}

// unheard takes all that pod i's node said of itself.
func unheard(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool {
			return toDist(i, 0)(e) || isNodes(i, 0)(e) || e.Cookie != nil && e.Cookie.Pod == rt.UID(i)
		})
	}
}

// calls makes pod i's node one of another name, as all see it.
func calls(i int, name string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		old := rt.Node(i)
		s.Change(func(e recording.Event) bool { return e.Nodes != nil || e.Dist != nil || e.Cookie != nil }, func(e *recording.Event) {
			switch {
			case e.Dist != nil && e.Dist.Node == old:
				e.Dist.Node = name
			case e.Cookie != nil && e.Cookie.Node == old:
				e.Cookie.Node = name
			case e.Nodes != nil:
				if e.Nodes.Node == old {
					e.Nodes.Node = name
				}
				e.Nodes.Visible = append(without(e.Nodes.Visible, old), name)
				if e.Nodes.Pod == rt.UID(i) {
					e.Nodes.Visible = without(e.Nodes.Visible, name)
				}
			}
		})
	}
}

func nodeNotHeard() trial {
	return trial{"the node was not heard", unheard(2), []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "did not answer a distribution handshake"}}}}
}

func noAgent() trial {
	return trial{"no agent", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"pod *", check.Unseen, "", nil}}}
}
