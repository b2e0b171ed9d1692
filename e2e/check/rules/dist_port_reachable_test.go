package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDistPortReachable(t *testing.T) {
	dist := func(o recording.Outcome, from time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isDist(0, 2)(e) && e.T >= from }, func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Status, e.Dist.Node, e.Dist.Detail = o, "", "", "what was seen"
			})
		}
	}
	// early leaves of the dials from pod 0 to pod 2 only one, before the window that is judged, and tells how long a round takes.
	early := func(o recording.Outcome, round time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Drop(isDist(0, 2))
			s.Add(recording.Event{T: rt.Full - 100*time.Millisecond, By: rt.Agent, Dist: &recording.Dist{From: rt.UID(0), To: rt.UID(2), Addr: rt.IP(2) + ":10000", Outcome: o}},
				recording.Event{T: 1, By: rt.Agent, Pace: &recording.Pace{Dist: round}})
		}
	}
	try(t, "dist/port-reachable", slices.Concat([]trial{
		{"dialled before the window, a round ago", early(recording.OK, 20*time.Second), nil},
		{"dialled before the window, many rounds ago", early(recording.OK, time.Second), []want{{pair(0, 2), check.Unseen, "", nil}}},
		{"refused before the window, a round ago", early(recording.Refused, 20*time.Second), []want{{pair(0, 2), check.Unseen, "", nil}}},
		{"not dialled", func(s *rt.Recording) { s.Drop(isDist(0, 2)) }, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2), rt.Name(0)}}}},
		{"only our own errors", dist(recording.ProbeError, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
		{"only nok", dist(recording.Nok, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
		{"rounds of dials that take long, and no mesh", func(s *rt.Recording) {
			blind(s, 0, 1, 0)
			s.Drop(func(e recording.Event) bool { return e.Dist != nil && e.T > 7*time.Second })
		}, nil},
		{"nok at the end", dist(recording.Nok, 14*time.Second), nil},
		{"one dial without an answer", dist(recording.Silent, 14*time.Second), nil},
		{"refused, and the sockets were not watched", func(s *rt.Recording) { dist(recording.Refused, 0)(s); s.Drop(isSockets(2, 0)) },
			[]want{{pair(0, 2), check.Fail, "refused", []string{"nothing listens on that address"}}}},
		{"answers now and then", dist(recording.Silent, 12*time.Second), nil},
		{"turned away", dist("not-allowed", 0), nil},
		{"bound to loopback", func(s *rt.Recording) {
			dist(recording.Refused, 0)(s)
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"0.0.0.0:4369", "127.0.0.1:10000"} })
			s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(2) }, func(e *recording.Event) { e.Kernel.Interface = "127.0.0.1" })
		}, []want{{pair(0, 2), check.Fail, "loopback-only", []string{"bound to 127.0.0.1:10000 only", "inet_dist_use_interface of " + rt.Name(2) + " is 127.0.0.1"}}}},
		{"listens on IPv4 only", all(overIPv6, distOfTheOtherFamily(dist)), []want{{pair(0, 2), check.Fail, "other-family",
			[]string{"the distribution port [fd00:10:244::4]:10000 of " + rt.Name(2), "listens on 0.0.0.0:10000 only", "has no -proto_dist", "-proto_dist inet6_tcp"}}}},
		{"the protocol is given twice", all(overIPv6, distOfTheOtherFamily(dist), flags(2, "-proto_dist", "inet6_tcp", "-proto_dist", "inet6_tcp")),
			[]want{{pair(0, 2), check.Fail, "other-family", []string{"has -proto_dist 2 times", "give -proto_dist once"}}}},
		{"the protocol is the other one", all(overIPv6, distOfTheOtherFamily(dist), flags(2, "-proto_dist", "inet_tcp", "-x")),
			[]want{{pair(0, 2), check.Fail, "other-family", []string{"command line: … -proto_dist inet_tcp"}}}},
		{"listens on both families, and refuses", all(overIPv6, distOfTheOtherFamily(dist), func(s *rt.Recording) {
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"[::]:10000"} })
		}), []want{{pair(0, 2), check.Fail, "refused", []string{"listens on [::]:10000, so a firewall rule"}}}},
		{"nobody listens", func(s *rt.Recording) {
			dist(recording.Refused, 0)(s)
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"0.0.0.0:4369"} })
		}, []want{{pair(0, 2), check.Fail, "refused", []string{"port 10000 is not open on any other address of " + rt.Name(2)}}}},
		{"TLS, and no certificate to speak it with", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Dist != nil }, func(e *recording.Event) { e.Dist.Outcome = recording.ProbeError })
			s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) { e.VM.Args = append(e.VM.Args, "-proto_dist", "inet_tls", "-x") })
		}, []want{{"derl*", check.Unseen, "", []string{"uses TLS for distribution", "spec.tls.secret"}}}},
		{"TLS, and our certificate is refused", all(overTLS(nil, 0, 1, 2), dist(recording.TLSRefused, 0)), nil},
		{"tls-alert", func(s *rt.Recording) {
			dist(recording.TLSAlert, 0)(s)
			s.Drop(func(e recording.Event) bool { return isVM(2)(e) || isDist(1, 2)(e) })
		}, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2) + " uses TLS for distribution", "spec.tls.secret"}}, {pair(1, 2), check.Unseen, "", nil}}},
	}, unreachedTrials(dist, rt.IP(2)+":10000", rt.Name(2))))
}

// distOfTheOtherFamily has pod 2 listen on IPv4 only, where all dial IPv6.
func distOfTheOtherFamily(dist func(recording.Outcome, time.Duration) func(*rt.Recording)) func(s *rt.Recording) {
	return all(dist(recording.Refused, 0), func(s *rt.Recording) {
		s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"[::]:4369", "0.0.0.0:10000"} })
	})
}

// flags are more of the command line of pod i's VM.
func flags(i int, more ...string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isVM(i), func(e *recording.Event) { e.VM.Args = append(e.VM.Args, more...) })
	}
}
