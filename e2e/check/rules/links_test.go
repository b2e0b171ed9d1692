package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// unlinked takes the links between pods i and j out of i's socket tables from one time to another.
func unlinked(s *rt.Story, i, j int, from, to time.Duration) {
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
func onLink(i, j int, t time.Duration, change func(l *recording.Link)) func(s *rt.Story) {
	return func(s *rt.Story) {
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
func apart(s *rt.Story) {
	five(s)
	for _, i := range []int{0, 1, 2} {
		for _, j := range []int{3, 4} {
			blind(s, i, j, 0)
			blind(s, j, i, 0)
		}
	}
}

func five(s *rt.Story) { *s = *rt.Formation(5) }

func linkTrials() map[string][]trial {
	const end = time.Hour
	noViews := trial{"one view was not seen", func(s *rt.Story) { s.Drop(isNodes(2, 0)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}}
	probed := trial{"our own probe was visible", func(s *rt.Story) { visibleProbe(s, 1) }, []want{{whole, check.Unseen, "", []string{"our own probe"}}}}
	noSockets := trial{"the sockets were not watched", func(s *rt.Story) { s.Drop(isSockets(2, 10*time.Second)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "not read"}}}}
	stranger := "other@10.244.9.9"
	idle := func(d time.Duration) func(s *rt.Story) {
		return onLink(0, 2, 0, func(l *recording.Link) { l.Idle = d })
	}
	retries := func(from time.Duration) func(s *rt.Story) {
		return onLink(0, 2, from, func(l *recording.Link) { l.Backoff, l.Unsent = 3, 44 })
	}
	noKernel := func(i int) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Drop(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(i) })
		}
	}
	all := map[string][]trial{
		"mesh/none-hidden": {
			probed, noViews,
			{"one member is hidden from another", func(s *rt.Story) {
				blind(s, 0, 2, 0)
				s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{rt.Node(2)} })
			}, []want{{pair(0, 2), check.Fail, "hidden-member", []string{rt.Node(2) + " is in nodes(hidden) of " + rt.Node(0), "-hidden"}}}},
			{"a monitor and a console are hidden on purpose", func(s *rt.Story) {
				s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{"monitor@10.244.9.9", "rem-1f0e-" + rt.Node(0)} })
			}, nil},
		},
		"mesh/nobody-foreign": {
			probed, noViews,
			{"a stranger in one view", func(s *rt.Story) {
				s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, stranger) })
			}, []want{{pod(1), check.Fail, "foreign-node", []string{rt.Node(1), stranger, "a separate cookie and a separate Service"}}}},
			{"a stranger who comes when the mesh has long been full", func(s *rt.Story) {
				s.Change(isNodes(1, 10*time.Second), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, stranger) })
			}, []want{{pod(1), check.Fail, "foreign-node", []string{rt.Node(1), stranger}}}},
			{"a visible remote console", func(s *rt.Story) {
				s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, "remsh7a6b-"+rt.Node(0)) })
			}, nil},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		},
		"mesh/one-component": {
			probed,
			{"two clusters", apart, []want{{"group of " + rt.Name(3), check.Fail, "separate-clusters",
				[]string{"2 disjoint clusters 14 s after", rt.Name(3) + " and " + rt.Name(4), "cluster 1: " + rt.Name(0) + ", " + rt.Name(1) + " and " + rt.Name(2), "logs " + rt.Name(3)}}}},
			{"one view of another group was not seen", func(s *rt.Story) { apart(s); s.Drop(isNodes(4, 0)) }, []want{{"group of " + rt.Name(3), check.Unseen, "", []string{rt.Name(4), "not known"}}}},
			{"one-sided views hang together", func(s *rt.Story) { blind(s, 0, 2, 0); blind(s, 1, 2, 0) }, nil},
			{"one view was not seen, but others hold it", func(s *rt.Story) { s.Drop(isNodes(2, 0)) }, nil},
			{"the only pod was not asked", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) || isNodes(0, 0)(e) })
			}, []want{{whole, check.Unseen, "", []string{rt.Name(0)}}}},
			{"no agent", func(s *rt.Story) { s.Drop(byAgent) }, []want{{"group*", check.Unseen, "", nil}}},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		},
		"mesh/links-match-views": {
			probed, noViews, noSockets,
			{"a name without a connection", func(s *rt.Story) {
				unlinked(s, 0, 2, 11*time.Second, end)
				unlinked(s, 2, 0, 11*time.Second, end)
			}, []want{{pair(0, 2), check.Fail, "name-without-link", []string{rt.Node(2) + " is in nodes() of " + rt.Node(0), "no connection between " + rt.Name(0) + " and " + rt.Name(2), "4.0 s"}},
				{pair(2, 0), check.Fail, "name-without-link", nil}}},
			{"a connection that one end shows only", func(s *rt.Story) { unlinked(s, 0, 2, 0, end) }, nil},
			{"a name without a connection for less than 2 s", func(s *rt.Story) {
				unlinked(s, 0, 2, 13500*time.Millisecond, end)
				unlinked(s, 2, 0, 13500*time.Millisecond, end)
			}, nil},
			{"a connection without a name", func(s *rt.Story) { blind(s, 0, 2, 11*time.Second) }, []want{{pair(0, 2), check.Fail, "link-without-name",
				[]string{rt.IP(0) + ":10000 - " + rt.Ephemeral(2, 0), rt.Node(2) + " is not in nodes() of " + rt.Node(0)}}}},
			{"a connection without a name for 2 s", func(s *rt.Story) { blind(s, 0, 2, 12500*time.Millisecond) }, nil},
			{"a hidden peer's connection", func(s *rt.Story) {
				blind(s, 0, 2, 0)
				s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{rt.Node(2)} })
			}, nil},
			{"a view was missed for a while", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isNodes(2, 9*time.Second)(e) && e.T < 12*time.Second })
			}, nil},
			{"too short", func(s *rt.Story) { s.Cut(1700 * time.Millisecond) }, []want{{"pod *", check.Unseen, "", nil}}},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		},
		"mesh/links-alive": {
			probed, noSockets,
			{"silent for too long", idle(40 * time.Second), []want{{pair(0, 2), check.Fail, "no-data", []string{rt.Node(0) + " has received nothing on its link with " + rt.Node(2) + " for 40.0 s",
				"every 15.0 s", "net_ticktime 60 s, intensity 4", rt.Ephemeral(2, 0)}}}},
			{"silent for as long as may be", idle(30900 * time.Millisecond), nil},
			{"silent under CPU pressure", func(s *rt.Story) {
				idle(31500 * time.Millisecond)(s)
				s.Change(func(e recording.Event) bool { return e.Beat != nil && byAgent(e) }, func(e *recording.Event) { e.Beat.Late = time.Second })
			}, []want{{pair(0, 2), check.Unseen, "", []string{"short of CPU"}}}},
			{"a shorter tick time", func(s *rt.Story) {
				idle(10 * time.Second)(s)
				s.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.TickTime = 8 * time.Second })
			}, []want{{pair(0, 2), check.Fail, "no-data", []string{"every 2.0 s"}}}},
			{"sends again and again", retries(13 * time.Second), []want{{pair(0, 2), check.Fail, "backing-off", []string{rt.IP(0) + ":10000 - " + rt.Ephemeral(2, 0), "3 times", "44 bytes"}}}},
			{"one packet was lost", retries(14500 * time.Millisecond), nil},
			{"the tick time is not known", noKernel(2), []want{{pair(0, 2), check.Unseen, "", []string{"net_ticktime of " + rt.Node(2)}}, {pair(1, 2), check.Unseen, "", nil}}},
			{"no link at all", func(s *rt.Story) {
				s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Links = nil })
			}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2) + " has no link"}}}},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		},
	}
	for _, id := range []string{"mesh/full", "mesh/stable"} {
		all[id] = append(all[id], probed)
	}
	return all
}
