package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// unlinked takes the links between pods i and j out of i's socket tables from one time to another.
func unlinked(s *rt.Recording, i, j int, from, to time.Duration) {
	s.Change(func(e recording.Event) bool { return isSockets(i, from)(e) && e.T < to }, func(e *recording.Event) {
		var left []recording.Link
		for _, l := range e.Sockets.Links {
			if l.Remote != rt.Ephemeral(j, i) && l.Local != rt.Ephemeral(i, j) {
				left = append(left, l)
			}
		}
		e.Sockets.Links = left
	})
}

// onLink changes the link between pods i and j (i < j) as i's kernel has it, from t on.
func onLink(i, j int, t time.Duration, change func(l *recording.Link)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isSockets(i, t), func(e *recording.Event) {
			for k := range e.Sockets.Links {
				if l := &e.Sockets.Links[k]; l.Remote == rt.Ephemeral(j, i) {
					change(l)
				}
			}
		})
	}
}

// apart makes two clusters of five nodes: 0, 1 and 2, and 3 and 4.
func apart(s *rt.Recording) {
	five(s)
	for _, i := range []int{0, 1, 2} {
		for _, j := range []int{3, 4} {
			blind(s, i, j, 0)
			blind(s, j, i, 0)
		}
	}
}

func five(s *rt.Recording) { *s = *rt.Formation(5) }

func viewNotSeen() trial {
	return trial{"one view was not seen", func(s *rt.Recording) { s.Drop(isNodes(2, 0)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}}
}

func ownProbeVisible() trial {
	return trial{"our own probe was visible", func(s *rt.Recording) { visibleProbe(s, 1) }, []want{{whole, check.Unseen, "", []string{"our own probe"}}}}
}

func socketsNotWatched() trial {
	return trial{"the sockets were not watched", func(s *rt.Recording) { s.Drop(isSockets(2, 10*time.Second)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "not read"}}}}
}
