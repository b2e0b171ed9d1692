package rules_test

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// nothingDone is a mesh that was left alone.
func nothingDone(says string) trial {
	return trial{"nothing was done", func(s *rt.Recording) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{says}}}}
}

// sees changes from when to when pod i sees pod j.
func sees(s *rt.Recording, i, j int, from, to time.Duration, does bool) {
	s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
		e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j))
		if does {
			e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(j))
		}
	})
}

// prevents sets prevent_overlapping_partitions of the pods, all of them if none is named.
func prevents(s *rt.Recording, value string, pods ...int) {
	s.Change(func(e recording.Event) bool {
		return e.Kernel != nil && (len(pods) == 0 || slices.ContainsFunc(pods, func(i int) bool { return rt.UID(i) == e.Kernel.Pod }))
	}, func(e *recording.Event) { e.Kernel.Prevents = value })
}

// closes lets the link of the two pods be closed from then on, and another one come after a moment.
func closes(s *rt.Recording, i, j int, from time.Duration) {
	for _, p := range []int{i, j} {
		s.Change(func(e recording.Event) bool { return isSockets(p, from)(e) }, func(e *recording.Event) {
			for k := range e.Sockets.Links {
				l := &e.Sockets.Links[k]
				for _, at := range []*string{&l.Local, &l.Remote} {
					if *at == rt.Ephemeral(j, i) {
						*at = rt.IP(j) + ":51111"
					}
				}
			}
			if e.T < from+time.Second {
				e.Sockets.Links = slices.DeleteFunc(e.Sockets.Links, func(l recording.Link) bool { return l.Local == rt.IP(j)+":51111" || l.Remote == rt.IP(j)+":51111" })
			}
		})
	}
}

// keeps lets the link of the two pods stay as it was before the fault.
func keeps(s *rt.Recording, i, j int) {
	for _, p := range []int{i, j} {
		s.Change(isSockets(p, rt.Deleted), func(e *recording.Event) {
			l := recording.Link{Local: rt.Ephemeral(j, i), Remote: rt.IP(i) + ":10000"}
			if p == i {
				l.Local, l.Remote = l.Remote, l.Local
			}
			e.Sockets.Links = append(e.Sockets.Links, l)
		})
	}
}
