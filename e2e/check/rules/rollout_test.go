package rules_test

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// In these stories pods 0 to 2 are the old version, pods 3 to 5 the new one.
func rolloutTrials() map[string][]trial {
	end := rt.RolledOut(3)
	isAct := func(e recording.Event) bool { return e.Act != nil }
	noDeed := trial{"no rollout", func(s *rt.Story) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"no rollout"}}}}
	elsewhere := trial{"pods of another workload", func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Owner = "ReplicaSet/other-6c9f" })
	}, []want{{whole, check.Unseen, "", []string{"no pod of the old version"}}}}
	// stays is pod 2 that is never told to end.
	stays := func(s *rt.Story) {
		s.Change(isPod(2), func(e *recording.Event) {
			e.Pod.Deleting, e.Pod.Gone, e.Pod.Ready, e.Pod.Phase = false, false, true, "Running"
			e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "running", ""
		})
		s.Drop(func(e recording.Event) bool {
			return e.Process != nil && e.Process.Pod == rt.UID(2) && e.Process.Exited
		})
	}
	// strangers never see each other: the old version does not see the new one, nor the other way round.
	strangers := func(s *rt.Story) {
		version := func(uidOrNode string) bool {
			return slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool { return uidOrNode == rt.UID(i) || uidOrNode == rt.Node(i) })
		}
		s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
			e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return version(n) != version(e.Nodes.Pod) })
		})
	}
	notReady := func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return isPod(5)(e) }, func(e *recording.Event) {
			e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
		})
	}
	// later is pod i being told of its end so much later, and ending then.
	later := func(s *rt.Story, i int, d time.Duration) {
		s.Change(func(e recording.Event) bool { return isPod(i)(e) && (e.Pod.Deleting || e.Pod.Gone) }, func(e *recording.Event) { e.T += d })
		s.Change(func(e recording.Event) bool {
			return e.Process != nil && e.Process.Pod == rt.UID(i) && e.Process.Exited
		}, func(e *recording.Event) { e.T += d })
	}
	// lost takes the link with pod j out of the tables of pod i, replaced gives it another ephemeral port.
	alter := func(s *rt.Story, i, j int, from, to time.Duration, change func(l *recording.Link)) {
		s.Change(func(e recording.Event) bool { return isSockets(i, from)(e) && e.T < to }, func(e *recording.Event) {
			for k := range e.Sockets.Links {
				if l := &e.Sockets.Links[k]; l.Remote == rt.Ephemeral(j, i) {
					change(l)
				}
			}
		})
	}
	lost := func(s *rt.Story, i, j int, from, to time.Duration) {
		alter(s, i, j, from, to, func(l *recording.Link) { l.Remote = "10.244.9.9:40000" })
	}
	replaced := func(s *rt.Story, i, j int, from time.Duration) {
		alter(s, i, j, from, end, func(l *recording.Link) { l.Remote = rt.IP(j) + ":51234" })
	}
	return map[string][]trial{
		"rollout/keeps-links": {
			noDeed, elsewhere,
			{"two of the old version lose each other", func(s *rt.Story) { lost(s, 1, 2, rt.Began+time.Second, end) }, []want{{pair(1, 2), check.Fail, "link-lost",
				[]string{rt.IP(1) + ":10000 - " + rt.Ephemeral(2, 1), "1.0 s after the rollout started"}}}},
			{"two of the old version find back in time", func(s *rt.Story) { replaced(s, 1, 2, rt.Began+400*time.Millisecond) }, []want{{pair(1, 2), check.Fail, "link-lost", []string{"0.5 s after", "a new connection replaced it"}}}},
			{"two of the new version lose each other, and find back", func(s *rt.Story) { replaced(s, 3, 4, 27*time.Second) }, []want{{pair(3, 4), check.Fail, "link-lost", []string{"5.0 s after", ":51234"}}}},
			{"one of the new version loses one of the old", func(s *rt.Story) {
				later(s, 2, 2*time.Second)
				lost(s, 2, 3, rt.Began+3500*time.Millisecond, end)
			}, []want{{pair(2, 3), check.Fail, "link-lost", []string{"3.5 s after"}}}},
			{"one that was just not told of its end yet", func(s *rt.Story) { lost(s, 1, 2, rt.Began+2100*time.Millisecond, end) }, nil},
			{"one whose VM restarts", func(s *rt.Story) {
				s.Add(recording.Event{T: 27 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(4), PID: 1004, Exited: true}},
					recording.Event{T: 28 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(4), PID: 2004}})
				lost(s, 3, 4, 27*time.Second, end+1)
			}, nil},
			{"a dial of our own before they have met", func(s *rt.Story) {
				alter(s, 3, 4, 0, 25*time.Second, func(l *recording.Link) { l.Remote = rt.IP(4) + ":55555" })
			}, nil},
			{"one of the new version is not watched", func(s *rt.Story) { s.Drop(isSockets(3, 0)) }, []want{
				{pair(3, 4), check.Unseen, "", []string{"the socket table of " + rt.Name(3)}}, {pair(3, 5), check.Unseen, "", nil}}},
			{"one of the new version is not watched at the end", func(s *rt.Story) { s.Drop(isSockets(3, end-2500*time.Millisecond)) }, []want{
				{pair(3, 4), check.Unseen, "", []string{rt.Name(3) + " was not read in the last 2."}}, {pair(3, 5), check.Unseen, "", nil}}},
			{"one replica", func(s *rt.Story) { s.Events = rt.Rollout(1).Events }, []want{{whole, check.NotApplicable, "", []string{"no two pods had a link for 2s"}}}},
		},
		"rollout/replaces-all": {
			noDeed, elsewhere,
			{"an old pod stays", func(s *rt.Story) { stays(s); notReady(s) }, []want{
				{pod(2), check.Fail, "stuck", []string{"7 s after the rollout started", rt.Name(2) + " of the old version still exists", rt.Name(5) + " of the new version is Running and not Ready: containers with unready"}}}},
			{"the image of the new version cannot be pulled", func(s *rt.Story) {
				stays(s)
				notReady(s)
				s.Change(isPod(5), func(e *recording.Event) {
					e.Pod.Containers = []recording.Container{{Name: "derl", State: "waiting", Reason: "ImagePullBackOff", Message: "Back-off pulling image"}}
				})
			}, []want{{pod(2), check.Fail, "stuck", []string{rt.Name(5) + " of the new version is Running and not Ready: its container derl is waiting (ImagePullBackOff): Back-off pulling image"}}}},
			{"an old pod does not end", func(s *rt.Story) {
				stays(s)
				s.Change(func(e recording.Event) bool { return isPod(2)(e) && e.T > rt.Began+3*time.Second }, func(e *recording.Event) { e.Pod.Deleting = true })
			}, []want{{pod(2), check.Fail, "stuck", []string{"is terminating but has not exited"}}}},
			{"no new pod", func(s *rt.Story) {
				stays(s)
				s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) })
			}, []want{{pod(2), check.Fail, "stuck", []string{"no pod of the new version was created"}}}},
			{"no new pod is Ready", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) }, func(e *recording.Event) { e.Pod.Ready = false })
			}, []want{{whole, check.Fail, "stuck", []string{"none of the new version is Ready"}}}},
			{"one does not see the other", func(s *rt.Story) { blind(s, 3, 5, 0) }, []want{
				{pair(3, 5), check.Fail, "not-in-view", []string{"7 s after the rollout started, " + rt.Node(3) + " does not see " + rt.Node(5)}}}},
			{"one is not seen at the end", func(s *rt.Story) { s.Drop(isNodes(4, end-4*time.Second)) }, []want{{pod(4), check.Unseen, "", []string{rt.Name(4)}}}},
		},
		"rollout/hands-over": {
			noDeed, elsewhere,
			{"the new version keeps to itself", strangers, []want{{whole, check.Fail, "founded-anew", []string{"the last pod of the old version, " + rt.Name(2) + ", exited", rt.Node(3) + " ran at the same time for", "neither saw the other", "same cookie"}}}},
			{"the new version comes when the old has gone", func(s *rt.Story) {
				strangers(s)
				s.Drop(func(e recording.Event) bool {
					return e.Nodes != nil && e.T < rt.Began+4300*time.Millisecond && (e.Nodes.Pod == rt.UID(3) || e.Nodes.Pod == rt.UID(4) || e.Nodes.Pod == rt.UID(5))
				})
				s.Change(func(e recording.Event) bool {
					return (isPod(3)(e) || isPod(4)(e) || isPod(5)(e)) && e.T < rt.Began+4300*time.Millisecond
				}, func(e *recording.Event) { e.Pod.Ready = false })
			}, []want{{whole, check.Fail, "founded-anew", []string{"no new node had started yet", "maxUnavailable: 1"}}}},
			{"an old node alone saw a new one", func(s *rt.Story) {
				strangers(s)
				s.Change(func(e recording.Event) bool { return isNodes(2, rt.Began+2*time.Second)(e) }, func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(3)) })
			}, nil},
			{"a new one was not seen meanwhile", func(s *rt.Story) {
				strangers(s)
				s.Drop(func(e recording.Event) bool { return isNodes(3, 0)(e) && e.T < rt.Began+4*time.Second })
			}, []want{{whole, check.Unseen, "", []string{rt.Name(3), "while both versions"}}}},
			{"an old one is still there", func(s *rt.Story) { strangers(s); stays(s) }, []want{{whole, check.Unseen, "", []string{rt.Name(2), "still exists"}}}},
			{"no new pod", func(s *rt.Story) {
				strangers(s)
				s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) })
			}, []want{{whole, check.Unseen, "", []string{"no pod of the new version"}}}},
		},
	}
}
