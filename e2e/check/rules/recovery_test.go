package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// In these stories pod 0 is the victim, pod 3 its replacement, pods 1 and 2 are untouched.
func recoveryTrials() map[string][]trial {
	isAct := func(e recording.Event) bool { return e.Act != nil }
	noDeed := trial{"no pod was deleted", func(s *rt.Story) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"no pod was deleted"}}}}
	one := trial{"one replica", func(s *rt.Story) {
		s.Events = rt.Recovery(1).Events
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Replicas = 1 })
	}, []want{{whole, check.NotApplicable, "", []string{"1 replicas"}}}}
	noOthers := trial{"nobody else was Ready", func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) }, func(e *recording.Event) { e.Pod.Ready = false })
	}, []want{{whole, check.Unseen, "", []string{"fewer than", "Ready when"}}}}
	budget := func(s *rt.Story, d time.Duration) {
		edit(s, func(p *profile.Resolved) { p.Budgets.StaleName = profile.Duration(d) })
	}
	// lingers keeps the victim's name in pod 1's view up to t.
	lingers := func(s *rt.Story, t time.Duration) {
		s.Change(func(e recording.Event) bool { return isNodes(1, rt.Exited)(e) && e.T < t }, func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(0)) })
	}
	// listed keeps the victim's address in the answers that pod 1 gets, up to t.
	listed := func(s *rt.Story, t time.Duration) {
		s.Change(func(e recording.Event) bool { return isDNS(1, rt.Exited)(e) && e.T < t }, func(e *recording.Event) { e.DNS.Addrs = append(e.DNS.Addrs, rt.IP(0)) })
	}
	// renamed gives the replacement the victim's name, as a StatefulSet does.
	renamed := func(s *rt.Story) {
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
	relink := func(s *rt.Story, from time.Duration) {
		for i := 1; i <= 2; i++ {
			s.Change(isSockets(i, from), func(e *recording.Event) {
				for k := range e.Sockets.Links {
					l := &e.Sockets.Links[k]
					l.Local, l.Remote = swap(l.Local), swap(l.Remote)
				}
			})
		}
	}
	return map[string][]trial{
		"recovery/pod-delete": {
			noDeed, one, noOthers,
			{"no replacement", func(s *rt.Story) { s.Drop(isPod(3)) }, []want{{pod(0), check.Fail, "no-replacement", []string{rt.Name(0), "no new pod", "7 s"}}}},
			{"one survivor does not see the replacement", func(s *rt.Story) { blind(s, 1, 3, 0) }, []want{{pair(1, 3), check.Fail, "replacement-alone",
				[]string{"7 s after the deletion of " + rt.Name(0), rt.Node(1) + " does not see " + rt.Node(3), "[" + rt.Node(2) + "]", "logs " + rt.Name(1)}}}},
			{"the replacement sees nobody", func(s *rt.Story) { blind(s, 3, 1, 0); blind(s, 3, 2, 0) }, []want{
				{pair(3, 1), check.Fail, "replacement-alone", []string{rt.Node(3) + " does not see " + rt.Node(1)}}, {pair(3, 2), check.Fail, "replacement-alone", nil}}},
			{"joined and lost again", func(s *rt.Story) { blind(s, 1, 3, 27*time.Second) }, []want{{pair(1, 3), check.Fail, "replacement-lost", []string{"saw it first 3.5 s after"}}}},
			{"joined, lost and joined for good", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isNodes(1, 26*time.Second)(e) && e.T < 27*time.Second }, func(e *recording.Event) {
					e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3))
				})
			}, nil},
			{"a survivor's view was not seen", func(s *rt.Story) { s.Drop(isNodes(1, rt.Deleted)) }, []want{{pair(1, 3), check.Unseen, "", []string{rt.Name(1)}}}},
			{"a survivor's view was not seen at the end", func(s *rt.Story) { s.Drop(isNodes(1, 26*time.Second)) }, []want{{pair(1, 3), check.Unseen, "", []string{rt.Name(1), "last 3."}}}},
			{"a survivor's view of 200 ms before the end", func(s *rt.Story) { s.Drop(isNodes(1, rt.Recovered-200*time.Millisecond)) }, nil},
			{"the replacement was never asked", func(s *rt.Story) { s.Drop(isNodes(3, 0)) }, []want{{rt.Name(3) + " -> *", check.Unseen, "", []string{rt.Name(3)}}}},
			{"the replacement has the victim's name", renamed, nil},
			{"the replacement has the victim's name, and only the old one was seen", func(s *rt.Story) {
				renamed(s)
				blind(s, 1, 0, rt.Exited)
			}, []want{{pair(1, 3), check.Fail, "replacement-alone", []string{rt.Node(0)}}}},
		},
		"recovery/stale-name-gone": {
			noDeed, one, noOthers,
			{"the name stays", func(s *rt.Story) { budget(s, 3*time.Second); lingers(s, time.Hour) }, []want{{pod(1), check.Fail, "stale-name",
				[]string{rt.Node(0) + " in the view of " + rt.Node(1), "6.0 s after its container exited, but at most 3s are allowed", "PID 1"}}}},
			{"the name goes too late", func(s *rt.Story) { budget(s, 3*time.Second); lingers(s, 27*time.Second) }, []want{{pod(1), check.Fail, "stale-name", []string{"3.8 s"}}}},
			{"the name goes in time", func(s *rt.Story) { budget(s, 3*time.Second); lingers(s, 25*time.Second) }, nil},
			{"the address stays", func(s *rt.Story) { budget(s, 3*time.Second); listed(s, time.Hour) }, []want{{pod(1), check.Fail, "stale-address",
				[]string{"address " + rt.IP(0) + " of " + rt.Name(0) + " in DNS (queried from " + rt.Name(1), "endpointslices"}}}},
			{"the recording is too short to tell", func(s *rt.Story) { lingers(s, time.Hour) }, []want{{pod(1), check.Unseen, "", []string{"budget of 15s"}}}},
			{"the last look was just within the budget", func(s *rt.Story) {
				budget(s, 5500*time.Millisecond)
				lingers(s, time.Hour)
				s.Drop(isNodes(1, rt.Exited+5400*time.Millisecond))
			}, []want{{pod(1), check.Unseen, "", nil}}},
			{"nobody looked while the budget ran out", func(s *rt.Story) {
				budget(s, 3*time.Second)
				lingers(s, 24*time.Second)
				s.Drop(func(e recording.Event) bool { return isNodes(1, 24*time.Second)(e) && e.T < 28*time.Second })
			}, []want{{pod(1), check.Unseen, "", []string{"nothing was observed in between"}}}},
			{"nobody looked", func(s *rt.Story) { s.Drop(isNodes(1, rt.Exited)) }, []want{{pod(1), check.Unseen, "", []string{"nothing was observed about " + rt.Node(0)}}}},
			{"DNS only fails", func(s *rt.Story) {
				s.Change(isDNS(1, rt.Exited), func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = nil, "SERVFAIL" })
			}, []want{{pod(1), check.Unseen, "", []string{"nothing was observed about address " + rt.IP(0)}}}},
			{"the end was not seen", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool {
					return e.Process != nil && e.Process.Exited || isPod(0)(e) && e.Pod.Gone
				})
			}, []want{{pod(0), check.Unseen, "", []string{rt.Name(0), "the exit of "}}}},
			{"the end was seen by the API server only", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Process != nil && e.Process.Exited })
			}, nil},
			{"the VM restarted before", func(s *rt.Story) {
				s.Add(recording.Event{T: 10 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(0), PID: 900, Exited: true}},
					recording.Event{T: 11 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(0), PID: 1000}})
			}, nil},
			{"the victim's name is not known", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isNodes(0, 0)(e) || isDist(1, 0)(e) || isDist(2, 0)(e) })
			}, []want{{"pod *", check.Unseen, "", []string{"node name of " + rt.Name(0) + " is not known"}}}},
			{"no Service", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Service = "" }); listed(s, time.Hour) }, nil},
			{"the replacement takes the name over", func(s *rt.Story) { budget(s, 3*time.Second); renamed(s) }, nil},
			{"the replacement takes the name over before it was gone", func(s *rt.Story) { renamed(s); lingers(s, rt.Rejoined) }, []want{{pod(1), check.NotApplicable, "", []string{"the replacement has reused it"}}}},
		},
		"recovery/survivors-keep-links": {
			noDeed, one,
			{"nobody else was Ready", noOthers.change, []want{{whole, check.Unseen, "", nil}}},
			{"replaced", func(s *rt.Story) { relink(s, 24*time.Second) }, []want{{pair(1, 2), check.Fail, "link-replaced",
				[]string{rt.IP(1) + ":10000 - " + rt.Ephemeral(2, 1), rt.Name(1), rt.Name(2), "2.0 s after the deletion of " + rt.Name(0), "a new connection replaced it", swap(rt.Ephemeral(2, 1))}}}},
			{"lost", func(s *rt.Story) {
				s.Change(isSockets(1, 24*time.Second), func(e *recording.Event) { e.Sockets.Links = nil })
			}, []want{{pair(1, 2), check.Fail, "link-lost", []string{rt.Ephemeral(2, 1), "2.0 s"}}}},
			{"replaced while nobody looked", func(s *rt.Story) {
				relink(s, 23*time.Second)
				s.Drop(func(e recording.Event) bool { return isSockets(1, 23*time.Second)(e) && e.T < 26*time.Second })
			}, []want{{pair(1, 2), check.Fail, "link-replaced", nil}}},
			{"not watched for a while", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isSockets(1, 23*time.Second)(e) && e.T < 26*time.Second })
			}, nil},
			{"missed in one table", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isSockets(1, 24*time.Second)(e) && e.T < 24200*time.Millisecond }, func(e *recording.Event) { e.Sockets.Links = nil })
			}, nil},
			{"a slow dial of our own through the whole baseline", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isSockets(1, 0)(e) && e.T < 22100*time.Millisecond }, func(e *recording.Event) {
					e.Sockets.Links = append(e.Sockets.Links, recording.Link{Local: rt.IP(1) + ":55555", Remote: rt.IP(2) + ":10000"})
				})
			}, nil},
			{"not watched before", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isSockets(1, 0)(e) && e.T < rt.Deleted })
			}, []want{{pair(1, 2), check.Unseen, "", []string{"before the deletion"}}}},
			{"not watched at the end", func(s *rt.Story) { s.Drop(isSockets(1, 26*time.Second)) }, []want{{pair(1, 2), check.Unseen, "", []string{"last 3."}}}},
			{"not watched after", func(s *rt.Story) { s.Drop(isSockets(1, rt.Deleted+1)) }, []want{{pair(1, 2), check.Unseen, "", []string{rt.Name(1)}}}},
			{"no socket table can be read", func(s *rt.Story) {
				s.Change(isSockets(1, 0), func(e *recording.Event) { e.Sockets.Outcome, e.Sockets.Links = recording.ProbeError, nil })
			}, []want{{pair(1, 2), check.Unseen, "", nil}}},
		},
	}
}

// swap is the address with another ephemeral port; that of the distribution stays.
func swap(addr string) string {
	if addr == rt.Ephemeral(2, 1) {
		return rt.IP(2) + ":51234"
	}
	return addr
}
