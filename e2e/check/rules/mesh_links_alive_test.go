package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshLinksAlive(t *testing.T) {
	idle := func(d time.Duration) func(s *rt.Recording) {
		return onLink(0, 2, 0, func(l *recording.Link) { l.Idle = d })
	}
	retries := func(from time.Duration) func(s *rt.Recording) {
		return onLink(0, 2, from, func(l *recording.Link) { l.Backoff, l.Unsent = 3, 44 })
	}
	noKernel := func(i int) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(i) })
		}
	}
	try(t, "mesh/links-alive", []trial{
		ownProbeVisible(), socketsNotWatched(),
		{"silent for too long", idle(40 * time.Second), []want{{pair(0, 2), check.Fail, "no-data", []string{rt.Node(0) + " has received nothing on its link with " + rt.Node(2) + " for 40.0 s",
			"every 15.0 s", "net_ticktime 60 s, intensity 4", rt.Ephemeral(2, 0)}}}},
		{"silent for as long as may be", idle(30900 * time.Millisecond), nil},
		{"silent under CPU pressure", func(s *rt.Recording) {
			idle(31500 * time.Millisecond)(s)
			s.Change(func(e recording.Event) bool { return e.Beat != nil && byAgent(e) }, func(e *recording.Event) { e.Beat.Late = time.Second })
		}, []want{{pair(0, 2), check.Unseen, "", []string{"short of CPU"}}}},
		{"a shorter tick time", func(s *rt.Recording) {
			idle(10 * time.Second)(s)
			s.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.TickTime = 8 * time.Second })
		}, []want{{pair(0, 2), check.Fail, "no-data", []string{"every 2.0 s"}}}},
		{"sends again and again", retries(13 * time.Second), []want{{pair(0, 2), check.Fail, "backing-off", []string{rt.IP(0) + ":10000 - " + rt.Ephemeral(2, 0), "3 times", "44 bytes"}}}},
		{"one packet was lost", retries(14500 * time.Millisecond), nil},
		{"the tick time is not known", noKernel(2), []want{{pair(0, 2), check.Unseen, "", []string{"net_ticktime of " + rt.Node(2)}}, {pair(1, 2), check.Unseen, "", nil}}},
		{"no link at all", func(s *rt.Recording) {
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Links = nil })
		}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2) + " has no link"}}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		noMeshMeant()})
}
