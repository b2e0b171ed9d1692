package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRolloutKeepsLinks(t *testing.T) {
	end := rt.RolledOut(3)
	// later is pod i being told of its end so much later, and ending then.
	later := func(s *rt.Recording, i int, d time.Duration) {
		s.Change(func(e recording.Event) bool { return isPod(i)(e) && (e.Pod.Deleting || e.Pod.Gone) }, func(e *recording.Event) { e.T += d })
		s.Change(func(e recording.Event) bool {
			return e.Process != nil && e.Process.Pod == rt.UID(i) && e.Process.Exited
		}, func(e *recording.Event) { e.T += d })
	}
	// lost takes the link with pod j out of the tables of pod i, replaced gives it another ephemeral port.
	alter := func(s *rt.Recording, i, j int, from, to time.Duration, change func(l *recording.Link)) {
		s.Change(func(e recording.Event) bool { return isSockets(i, from)(e) && e.T < to }, func(e *recording.Event) {
			for k := range e.Sockets.Links {
				if l := &e.Sockets.Links[k]; l.Remote == rt.Ephemeral(j, i) {
					change(l)
				}
			}
		})
	}
	lost := func(s *rt.Recording, i, j int, from, to time.Duration) {
		alter(s, i, j, from, to, func(l *recording.Link) { l.Remote = "10.244.9.9:40000" })
	}
	replaced := func(s *rt.Recording, i, j int, from time.Duration) {
		alter(s, i, j, from, end, func(l *recording.Link) { l.Remote = rt.IP(j) + ":51234" })
	}
	try(t, "rollout/keeps-links", []trial{
		noRollout(), otherWorkload(),
		{"two of the old version lose each other", func(s *rt.Recording) { lost(s, 1, 2, rt.Began+time.Second, end) }, []want{{pair(1, 2), check.Fail, "link-lost",
			[]string{rt.IP(1) + ":10000 - " + rt.Ephemeral(2, 1), "1.0 s after the rollout started"}}}},
		{"two of the old version find back in time", func(s *rt.Recording) { replaced(s, 1, 2, rt.Began+400*time.Millisecond) }, []want{{pair(1, 2), check.Fail, "link-lost", []string{"0.5 s after", "a new connection replaced it"}}}},
		{"two of the new version lose each other, and find back", func(s *rt.Recording) { replaced(s, 3, 4, 27*time.Second) }, []want{{pair(3, 4), check.Fail, "link-lost", []string{"5.0 s after", ":51234"}}}},
		{"one of the new version loses one of the old", func(s *rt.Recording) {
			later(s, 2, 2*time.Second)
			lost(s, 2, 3, rt.Began+3500*time.Millisecond, end)
		}, []want{{pair(2, 3), check.Fail, "link-lost", []string{"3.5 s after"}}}},
		{"one that was just not told of its end yet", func(s *rt.Recording) { lost(s, 1, 2, rt.Began+2100*time.Millisecond, end) }, nil},
		{"one whose VM restarts", func(s *rt.Recording) {
			s.Add(recording.Event{T: 27 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(4), PID: 1004, Exited: true}},
				recording.Event{T: 28 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(4), PID: 2004}})
			lost(s, 3, 4, 27*time.Second, end+1)
		}, nil},
		{"a dial of our own before they have met", func(s *rt.Recording) {
			alter(s, 3, 4, 0, 25*time.Second, func(l *recording.Link) { l.Remote = rt.IP(4) + ":55555" })
		}, nil},
		{"one of the new version is not watched", func(s *rt.Recording) { s.Drop(isSockets(3, 0)) }, []want{
			{pair(3, 4), check.Unseen, "", []string{"the socket table of " + rt.Name(3)}}, {pair(3, 5), check.Unseen, "", nil}}},
		{"one of the new version is not watched at the end", func(s *rt.Recording) { s.Drop(isSockets(3, end-2500*time.Millisecond)) }, []want{
			{pair(3, 4), check.Unseen, "", []string{rt.Name(3) + " was not read in the last 2."}}, {pair(3, 5), check.Unseen, "", nil}}},
		{"one replica", func(s *rt.Recording) { s.Events = rt.Rollout(1).Events }, []want{{whole, check.NotApplicable, "", []string{"no two pods had a link for 2s"}}}},
	})
}
