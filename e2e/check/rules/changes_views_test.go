package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func seesToo(i int, name string, from, to time.Duration) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
			e.Nodes.Visible = append(e.Nodes.Visible, name)
		})
	}
}

func forgets(i, j int, from, to time.Duration) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
			e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j))
		})
	}
}

func viewFails(i int, o recording.Outcome, from, to time.Duration) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
			e.Nodes.Outcome, e.Nodes.Visible, e.Nodes.Detail = o, nil, "what was seen"
		})
	}
}

// ours is a name that a node gives to our probe.
const ours = "2J6N0MUFN4K7S@127.0.0.1"

// visibleProbe makes our probe a peer of pod i's node for one look.
func visibleProbe(s *rt.Recording, i int) {
	done := false
	s.Change(isNodes(i, rt.Full), func(e *recording.Event) {
		if !done {
			e.Nodes.Visible, done = append(e.Nodes.Visible, ours), true
		}
	})
}

// lonely leaves no connection between the nodes.
func lonely(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) { e.Sockets.Links = nil })
	s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
}
