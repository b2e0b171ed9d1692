package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDReachable(t *testing.T) {
	epmd := func(o recording.Outcome, from time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isEPMD(0, 2)(e) && e.T >= from }, func(e *recording.Event) {
				e.EPMD.Outcome, e.EPMD.Names, e.EPMD.Detail = o, nil, "what was seen"
			})
		}
	}
	loopback := func(addrs ...string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			shut(2, 0)(s)
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = slices.Concat(addrs, []string{rt.IP(2) + ":10000"}) })
		}
	}
	try(t, "epmd/reachable", slices.Concat([]trial{
		{"not asked", func(s *rt.Recording) { s.Drop(isEPMD(0, 2)) }, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2), "from " + rt.Name(0)}}}},
		{"only our own errors", epmd(recording.ProbeError, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
		{"one dial without an answer", epmd(recording.Timeout, 14*time.Second), nil},
		{"two dials without an answer", epmd(recording.Timeout, 13*time.Second), []want{{pair(0, 2), check.Fail, "filtered", nil}}},
		{"refused at the end", epmd(recording.Refused, 14*time.Second), []want{{pair(0, 2), check.Fail, "refused", nil}}},
		{"refused before the mesh was there", func(s *rt.Recording) {
			s.Add(recording.Event{T: 2100 * time.Millisecond, By: rt.Agent, EPMD: &recording.EPMD{From: rt.UID(0), To: rt.UID(2), Outcome: recording.Refused}})
		}, nil},
		{"no agent", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"derl*", check.Unseen, "", nil}}},
		{"one pod only", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) })
		}, []want{{whole, check.Unseen, "", []string{"1 pods", "no pair"}}}},
		{"a pod too many that is not ready yet", surge, nil},
		{"tls-alert", epmd("tls-alert", 0), []want{{pair(0, 2), check.Fail, "not-speaking", []string{"tls-alert"}}}},
	}, unreachedTrials(epmd, "epmd on "+rt.IP(2)+":4369"), []trial{
		noEPMD(),
		{"bound to loopback", loopback("127.0.0.1:4369", "[::1]:4369"), []want{{"derl*", check.Fail, "loopback-only",
			[]string{"epmd on " + rt.IP(2) + ":4369 refuses connections", "bound to 127.0.0.1:4369 and [::1]:4369 only", "ERL_EPMD_ADDRESS"}}}},
		{"listens on IPv4 only", all(loopback("0.0.0.0:4369"), overIPv6, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) { e.Sockets.Listen = []string{"0.0.0.0:4369", "[::1]:4369"} })
		}), []want{{"derl*", check.Fail, "other-family", []string{"listens on 0.0.0.0:4369 and [::1]:4369 only", "unset ERL_EPMD_ADDRESS"}}}},
		{"nobody listens", loopback(), []want{{"derl*", check.Fail, "refused", []string{"port 4369 is not open on any other address of " + rt.Name(2), "log of " + rt.Name(2)}}}},
		{"something resets it", loopback("0.0.0.0:4369"), []want{{"derl*", check.Fail, "refused", []string{rt.Name(2) + " listens on 0.0.0.0:4369", "on the way rejects the connection"}}}},
		{"it has ended under its node", shut(2, 9*time.Second), []want{{"derl*", check.NotApplicable, "", []string{"answered until 8.5", "registration"}}}},
	}))
}
