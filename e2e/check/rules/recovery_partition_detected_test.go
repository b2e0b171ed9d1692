package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryPartitionDetected(t *testing.T) {
	oneWay := func(s *rt.Recording) {
		s.Change(isAct, func(e *recording.Event) { e.Act.Fault = recording.FaultCutOut })
	}
	// idle says when pod 0 last heard pod 1.
	idle := func(s *rt.Recording, heard time.Duration) {
		s.Change(isSockets(0, rt.Deleted), func(e *recording.Event) {
			for i := range e.Sockets.Links {
				e.Sockets.Links[i].Idle = max(0, e.T-heard)
			}
		})
	}
	try(t, "recovery/partition-detected", []trial{
		nothingDone("no link was cut"),
		{"a blip", func(s *rt.Recording) {
			s.Change(isAct, func(e *recording.Event) { e.Act.Fault = recording.FaultBlip })
		}, []want{{whole, check.Unseen, "", []string{"no link was cut"}}}},
		{"one end gives up at once", func(s *rt.Recording) {
			idle(s, rt.Deleted-time.Second/10)
			sees(s, 0, 1, rt.Deleted+2*time.Second, rt.Noticed, false)
		}, []want{{pair(0, 1), check.Fail, "too-early", []string{rt.Node(0) + " gave " + rt.Node(1) + " up 2.0 s after", "waits for 6.0 s", "net_ticktime 8 s in intervals of 2.0 s"}}}},
		// Its peer sent data just after a tick, and the next tick was not due yet: nothing came for nearly two intervals before the cut.
		{"one end had not heard the other for a while", func(s *rt.Recording) {
			idle(s, rt.Deleted-3500*time.Millisecond)
			sees(s, 0, 1, rt.Deleted+4600*time.Millisecond, rt.Noticed, false)
		}, nil},
		{"one end is too late", func(s *rt.Recording) { idle(s, rt.Deleted); sees(s, 0, 1, rt.Noticed, rt.Deleted+12*time.Second, true) }, []want{
			{pair(0, 1), check.Fail, "too-late", []string{"only 12.0 s after", "it has 10.0 s"}}}},
		{"only one way was cut, and it heard the other for longer", func(s *rt.Recording) {
			oneWay(s)
			idle(s, rt.Deleted+2*time.Second)
			sees(s, 0, 1, rt.Noticed, rt.Deleted+12*time.Second, true)
		}, nil},
		{"one end never notices", func(s *rt.Recording) { idle(s, rt.Deleted); sees(s, 0, 1, rt.Noticed, rt.Repaired+1, true) }, []want{
			{pair(0, 1), check.Fail, "not-noticed", []string{"13.0 s after", "it has 10.0 s"}}}},
		{"it was short of CPU", func(s *rt.Recording) {
			idle(s, rt.Deleted)
			sees(s, 0, 1, rt.Noticed, rt.Deleted+12*time.Second, true)
			s.Change(func(e recording.Event) bool { return e.Beat != nil && e.By == rt.Agent }, func(e *recording.Event) { e.Beat.Late = 2 * time.Second })
		}, []want{{pair(0, 1), check.Unseen, "", []string{"short of CPU"}}}},
		{"its settings were not read", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(0) })
		}, []want{{pair(0, 1), check.Unseen, "", []string{"net_ticktime"}}}},
		{"it was not looked at when it gave up", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool {
				return isNodes(0, rt.Deleted+3*time.Second)(e) && e.T < rt.Healed-time.Second
			})
		}, []want{{pair(0, 1), check.Unseen, "", []string{"was not seen for"}}}},
		{"it did not see the other before", func(s *rt.Recording) { sees(s, 0, 1, 0, rt.Deleted+1, false) }, []want{{pair(0, 1), check.Unseen, "", []string{"was not seen in the view"}}}},
		{"it takes longer than the scenario", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(0) }, func(e *recording.Event) { e.Kernel.TickTime = 10 * time.Minute })
			sees(s, 0, 1, rt.Noticed, rt.Repaired+1, true)
		}, []want{{pair(0, 1), check.Unseen, "", []string{"has 757."}}}},
		noMeshMeant(),
	})
}
