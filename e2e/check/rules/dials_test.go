package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// outcomes are what a dial may come to, with the diagnosis.
var outcomes = []struct {
	o    recording.Outcome
	code string
	says string
}{
	{recording.Refused, "refused", "on the way rejects the connection"},
	{recording.Timeout, "filtered", "packets are dropped"},
	{recording.Unreachable, "unreachable", "cannot be reached"},
	{recording.Rejected, "unreachable", "cannot be reached"},
	{recording.Silent, "silent", "then sends nothing"},
	{"closed", "not-speaking", "closed"},
}

func dialTrials() map[string][]trial {
	epmd := func(o recording.Outcome, from time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isEPMD(0, 2)(e) && e.T >= from }, func(e *recording.Event) {
				e.EPMD.Outcome, e.EPMD.Names, e.EPMD.Detail = o, nil, "what was seen"
			})
		}
	}
	dist := func(o recording.Outcome, from time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isDist(0, 2)(e) && e.T >= from }, func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Status, e.Dist.Node, e.Dist.Detail = o, "", "", "what was seen"
			})
		}
	}
	all := map[string][]trial{
		"epmd/reachable": {
			{"not asked", func(s *rt.Story) { s.Drop(isEPMD(0, 2)) }, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2), "from " + rt.Name(0)}}}},
			{"only our own errors", epmd(recording.ProbeError, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
			{"one dial without an answer", epmd(recording.Timeout, 14*time.Second), nil},
			{"two dials without an answer", epmd(recording.Timeout, 13*time.Second), []want{{pair(0, 2), check.Fail, "filtered", nil}}},
			{"refused at the end", epmd(recording.Refused, 14*time.Second), []want{{pair(0, 2), check.Fail, "refused", nil}}},
			{"refused before the mesh was there", func(s *rt.Story) {
				s.Add(recording.Event{T: 2100 * time.Millisecond, By: rt.Agent, EPMD: &recording.EPMD{From: rt.UID(0), To: rt.UID(2), Outcome: recording.Refused}})
			}, nil},
			{"no agent", func(s *rt.Story) { s.Drop(byAgent) }, []want{{"derl*", check.Unseen, "", nil}}},
			{"one pod only", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) })
			}, []want{{whole, check.Unseen, "", []string{"1 pods", "no pair"}}}},
			{"a pod too many that is not ready yet", surge, nil},
		},
		"dist/port-reachable": {
			{"not dialled", func(s *rt.Story) { s.Drop(isDist(0, 2)) }, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2), rt.Name(0)}}}},
			{"only our own errors", dist(recording.ProbeError, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
			{"only nok", dist(recording.Nok, 0), []want{{pair(0, 2), check.Unseen, "", nil}}},
			{"rounds of dials that take long, and no mesh", func(s *rt.Story) {
				blind(s, 0, 1, 0)
				s.Drop(func(e recording.Event) bool { return e.Dist != nil && e.T > 7*time.Second })
			}, nil},
			{"nok at the end", dist(recording.Nok, 14*time.Second), nil},
			{"one dial without an answer", dist(recording.Silent, 14*time.Second), nil},
			{"refused, and the sockets were not watched", func(s *rt.Story) { dist(recording.Refused, 0)(s); s.Drop(isSockets(2, 0)) },
				[]want{{pair(0, 2), check.Fail, "refused", []string{"nothing listens on that address"}}}},
			{"answers now and then", dist(recording.Silent, 12*time.Second), nil},
			{"turned away", dist("not-allowed", 0), nil},
			{"bound to loopback", func(s *rt.Story) {
				dist(recording.Refused, 0)(s)
				s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"0.0.0.0:4369", "127.0.0.1:10000"} })
				s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(2) }, func(e *recording.Event) { e.Kernel.Interface = "127.0.0.1" })
			}, []want{{pair(0, 2), check.Fail, "loopback-only", []string{"bound to 127.0.0.1:10000 only", "inet_dist_use_interface of " + rt.Name(2) + " is 127.0.0.1"}}}},
			{"nobody listens", func(s *rt.Story) {
				dist(recording.Refused, 0)(s)
				s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = []string{"0.0.0.0:4369"} })
			}, []want{{pair(0, 2), check.Fail, "refused", []string{"port 10000 is not open on any other address of " + rt.Name(2)}}}},
			{"TLS, and no certificate to speak it with", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Dist != nil }, func(e *recording.Event) { e.Dist.Outcome = recording.ProbeError })
				s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) { e.VM.Args = append(e.VM.Args, "-proto_dist", "inet_tls", "-x") })
			}, []want{{"derl*", check.Unseen, "", []string{"uses TLS for distribution", "spec.tls.secret"}}}},
			{"TLS, and our certificate is refused", both(overTLS(nil, 0, 1, 2), dist(recording.TLSRefused, 0)), nil},
		},
		"handshake/cookie-accepted": {
			{"our certificate is refused", func(s *rt.Story) {
				s.Change(isCookie(2, "A"), func(e *recording.Event) {
					e.Cookie.Outcome, e.Cookie.Detail = recording.TLSRefused, "remote error: tls: unknown certificate authority"
				})
			}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "refuses our certificate", "unknown certificate authority"}}}},
			{"another cookie on one pod", func(s *rt.Story) {
				s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = recording.Denied, "closed after reply" })
			}, []want{{pod(2), check.Fail, "cookie-refused", []string{rt.Node(2) + " (" + rt.Name(2) + ") refuses cookie A", rt.Name(0) + " and " + rt.Name(1) + " accept it", "two cookies"}}}},
			{"another cookie on two pods", func(s *rt.Story) {
				for _, i := range []int{1, 2} {
					s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
				}
			}, []want{{pod(1), check.Fail, "cookie-refused", []string{rt.Name(0) + " accepts it"}}, {pod(2), check.Fail, "cookie-refused", nil}}},
			{"another cookie on all pods", func(s *rt.Story) {
				for i := range 3 {
					s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
				}
			}, []want{{"pod *", check.Fail, "cookie-refused", []string{"no node accepts it"}}}},
			{"the handshake breaks", func(s *rt.Story) {
				s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = "malformed", "tag 7" })
			}, []want{{pod(2), check.Fail, "handshake-broken", []string{rt.Name(2), "malformed", "tag 7"}}}},
			{"not tried", func(s *rt.Story) { s.Drop(isCookie(2, "A")) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
			{"turned away before any cookie", func(s *rt.Story) {
				s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome, e.Cookie.Detail = "not-allowed", "status not_allowed" })
			}, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "status not_allowed"}}}},
			{"refused, and accepted after a restart", func(s *rt.Story) {
				s.Add(recording.Event{T: 2100 * time.Millisecond, By: rt.Agent, Cookie: &recording.Cookie{Pod: rt.UID(2), Cookie: "A", Outcome: recording.Denied}})
			}, nil},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		},
	}
	for _, x := range outcomes {
		all["epmd/reachable"] = append(all["epmd/reachable"], trial{string(x.o), epmd(x.o, 0),
			[]want{{pair(0, 2), check.Fail, x.code, []string{"epmd on " + rt.IP(2) + ":4369", rt.Name(0), x.says, "what was seen"}}}})
		all["dist/port-reachable"] = append(all["dist/port-reachable"], trial{string(x.o), dist(x.o, 0),
			[]want{{pair(0, 2), check.Fail, x.code, []string{rt.IP(2) + ":10000", rt.Name(2), rt.Name(0), x.says, "what was seen"}}}})
	}
	all["epmd/reachable"] = append(all["epmd/reachable"], trial{"tls-alert", epmd("tls-alert", 0), []want{{pair(0, 2), check.Fail, "not-speaking", []string{"tls-alert"}}}})
	all["dist/port-reachable"] = append(all["dist/port-reachable"], trial{"tls-alert", func(s *rt.Story) {
		dist(recording.TLSAlert, 0)(s)
		s.Drop(func(e recording.Event) bool { return isVM(2)(e) || isDist(1, 2)(e) })
	}, []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2) + " uses TLS for distribution", "spec.tls.secret"}}, {pair(1, 2), check.Unseen, "", nil}}})
	return all
}
