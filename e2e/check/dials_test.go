package check_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// outcomes are what a dial may come to, with the diagnosis.
var outcomes = []struct {
	o    recording.Outcome
	code string
	says string
}{
	{recording.Refused, "refused", "nothing listens"},
	{recording.Timeout, "filtered", "packets are dropped"},
	{recording.Unreachable, "unreachable", "cannot be reached"},
	{recording.Rejected, "unreachable", "cannot be reached"},
	{recording.Silent, "silent", "says nothing"},
	{"tls-alert", "not-speaking", "tls"},
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
	names := func(n ...recording.Registered) func(s *rt.Story) {
		return func(s *rt.Story) { s.Change(isEPMD(0, 2), func(e *recording.Event) { e.EPMD.Names = n }) }
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
		"epmd/port-as-declared": {
			{"not pinned", names(recording.Registered{Name: "derl", Port: 38171}), []want{{pair(0, 2), check.Fail, "port-unpinned",
				[]string{"epmd on " + rt.IP(2) + ":4369 advertises port 38171 for derl, declared is 10000", "inet_dist_listen_min"}}}},
			{"no node is registered", names(), []want{{pair(0, 2), check.Fail, "not-registered", []string{rt.IP(2) + ":4369", "no node"}}}},
			{"two nodes", names(recording.Registered{Name: "derl", Port: 10000}, recording.Registered{Name: "helper", Port: 40001}),
				[]want{{pair(0, 2), check.Fail, "several-names", []string{"2 nodes", "name helper at port 40001"}}}},
			{"nothing is declared", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.DistPort = 0 }) }, []want{{"derl*", check.NotApplicable, "", []string{"declare no distribution port"}}}},
			{"epmd refuses", epmd(recording.Refused, 0), []want{{pair(0, 2), check.Unseen, "", []string{rt.Name(2), rt.Name(0)}}}},
			{"the youngest dial failed", epmd(recording.Refused, 14*time.Second), nil},
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
		},
		"dist/cookie-accepted": {
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
			{"no control", func(s *rt.Story) { s.Drop(isCookie(2, "wrong")) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "control"}}}},
			{"any cookie will do", func(s *rt.Story) {
				s.Change(isCookie(2, "wrong"), func(e *recording.Event) { e.Cookie.Outcome = recording.OK })
			}, []want{{pod(2), check.Unseen, "", []string{"control", "wrong cookie: ok"}}}},
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
	return all
}
