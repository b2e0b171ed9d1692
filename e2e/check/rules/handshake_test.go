package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// toDist are the dials to pod i's distribution port from t on.
func toDist(i int, t time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(i) && e.T >= t }
}

// unheard takes all that pod i's node said of itself.
func unheard(i int) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Drop(func(e recording.Event) bool {
			return toDist(i, 0)(e) || isNodes(i, 0)(e) || e.Cookie != nil && e.Cookie.Pod == rt.UID(i)
		})
	}
}

// calls makes pod i's node one of another name, as all see it.
func calls(i int, name string) func(s *rt.Story) {
	return func(s *rt.Story) {
		old := rt.Node(i)
		s.Change(func(e recording.Event) bool { return e.Nodes != nil || e.Dist != nil || e.Cookie != nil }, func(e *recording.Event) {
			switch {
			case e.Dist != nil && e.Dist.Node == old:
				e.Dist.Node = name
			case e.Cookie != nil && e.Cookie.Node == old:
				e.Cookie.Node = name
			case e.Nodes != nil:
				if e.Nodes.Node == old {
					e.Nodes.Node = name
				}
				e.Nodes.Visible = append(without(e.Nodes.Visible, old), name)
				if e.Nodes.Pod == rt.UID(i) {
					e.Nodes.Visible = without(e.Nodes.Visible, name)
				}
			}
		})
	}
}

func handshakeTrials() map[string][]trial {
	silent := trial{"the node was not heard", unheard(2), []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "did not answer a distribution handshake"}}}}
	noAgent := trial{"no agent", func(s *rt.Story) { s.Drop(byAgent) }, []want{{"pod *", check.Unseen, "", nil}}}
	turned := func(s *rt.Story) {
		s.Change(toDist(2, 0), func(e *recording.Event) {
			e.Dist.Outcome, e.Dist.Node, e.Dist.Detail = "not-allowed", "", "status not_allowed"
		})
	}
	slow := func(d time.Duration, o recording.Outcome, from time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isDist(0, 2)(e) && e.T >= from }, func(e *recording.Event) { e.Dist.Took, e.Dist.Outcome = d, o })
		}
	}
	pressure := func(d time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return e.Beat != nil && byAgent(e) }, func(e *recording.Event) { e.Beat.Late = d })
		}
	}
	isWrong := func(o recording.Outcome) func(s *rt.Story) {
		return func(s *rt.Story) { s.Change(isCookie(2, "wrong"), func(e *recording.Event) { e.Cookie.Outcome = o }) }
	}
	fqdn := rt.Name(2) + "." + rt.Service + "." + rt.Namespace + ".svc.cluster.local"
	return map[string][]trial{
		"handshake/allowed": {
			silent, noAgent,
			{"turned away", func(s *rt.Story) { turned(s); blind(s, 0, 2, 0); blind(s, 1, 2, 0) }, []want{{pod(2), check.Fail, "not-allowed",
				[]string{rt.Name(2), rt.IP(2) + ":10000", "not_allowed", "net_kernel:allow/1"}}}},
			{"only our probe is turned away", turned, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), rt.Node(0) + " is connected to it"}}}},
		},
		"handshake/acceptor-prompt": {
			silent, noAgent,
			{"slow", slow(1800*time.Millisecond, recording.OK, 5*time.Second), []want{{pod(2), check.Fail, "acceptor-slow", []string{rt.Node(2), "1.8 s", "10 of", "net_kernel is blocked", rt.IP(2) + ":10000 ok"}}}},
			{"slow to some", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool {
					return isDist(0, 2)(e) && e.T >= 5*time.Second && (e.T/time.Second)%2 == 0
				}, func(e *recording.Event) {
					e.Dist.Took, e.Dist.Outcome, e.Dist.Node = 2*time.Second, recording.Silent, ""
				})
			}, []want{{pod(2), check.Fail, "acceptor-slow", []string{"silent after 2.0 s"}}}},
			{"slow twice", slow(1800*time.Millisecond, recording.OK, 13*time.Second), nil},
			{"slow, and epmd as well", both(slow(1800*time.Millisecond, recording.OK, 5*time.Second), func(s *rt.Story) {
				s.Change(toEPMD(2, 10*time.Second), func(e *recording.Event) { e.EPMD.Took = 1500 * time.Millisecond })
			}), []want{{pod(2), check.Unseen, "", []string{"its epmd also took up to 1.5 s"}}}},
			{"slow under CPU pressure", both(slow(1800*time.Millisecond, recording.OK, 5*time.Second), pressure(900*time.Millisecond)), []want{{pod(2), check.Unseen, "", []string{"short of CPU", "0.9 s"}}}},
			{"slower than CPU pressure explains", both(slow(1800*time.Millisecond, recording.OK, 5*time.Second), pressure(300*time.Millisecond)), []want{{pod(2), check.Fail, "acceptor-slow", nil}}},
		},
		"handshake/names-unique": {
			silent, noAgent,
			{"one name for two", calls(2, rt.Node(1)), []want{{pod(1), check.Fail, "same-name", []string{"2 pods have the same node name", rt.Name(1) + " and " + rt.Name(2), rt.Node(1)}}, {pod(2), check.Fail, "same-name", nil}}},
		},
		"handshake/name-as-addressed": {
			silent, noAgent,
			{"a short name", calls(2, "derl@"+rt.Name(2)), []want{{pod(2), check.Fail, "short-name", []string{"derl@" + rt.Name(2), "short host name", "-name derl@${POD_IP}"}}}},
			{"an address of somebody else", calls(2, "derl@10.244.9.9"), []want{{pod(2), check.Fail, "other-host", []string{"derl@10.244.9.9", "the pod's address is " + rt.IP(2)}}}},
			{"the loopback", calls(2, "derl@127.0.0.1"), []want{{pod(2), check.Fail, "other-host", []string{"derl@127.0.0.1"}}}},
			{"a name of another pod", calls(2, "derl@other."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), []want{{pod(2), check.Fail, "other-host", []string{"no name of the pod " + rt.Name(2)}}}},
			{"nothing behind the @", calls(2, "derl@"), []want{{pod(2), check.Fail, "no-host", []string{`"derl@"`, "empty"}}}},
			{"the name that a StatefulSet gives", calls(2, "derl@"+fqdn), nil},
			{"the address with dashes, in a Service's zone", calls(2, "derl@10-244-0-4."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), nil},
			{"the address with dashes, in the pods' zone", calls(2, "derl@10-244-0-4."+rt.Namespace+".pod.cluster.local"), nil},
			{"a name of another DNS", calls(2, "derl@two.shop.example"), []want{{pod(2), check.NotApplicable, "", []string{"derl@two.shop.example", "outside of the cluster's DNS"}}}},
		},
		"handshake/flags": {
			silent, noAgent,
			{"without one of them", func(s *rt.Story) {
				s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Flags &^= 1<<34 | 1<<25 })
			}, []want{{pod(2), check.Fail, "flags-missing", []string{rt.Node(2), "UNLINK_ID, V4_NC", "0x905df7fbd"}}}},
			{"with no more than OTP 26 demands", func(s *rt.Story) {
				s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Flags = 0x403070f94 })
			}, nil},
		},
		"handshake/wrong-cookie-refused": {
			noAgent,
			{"any cookie will do", isWrong(recording.OK), []want{{pod(2), check.Fail, "any-cookie", []string{rt.Node(2), "a random wrong cookie", rt.IP(2) + ":10000"}}}},
			{"not tried", func(s *rt.Story) { s.Drop(isCookie(2, "wrong")) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
			{"the handshake broke", isWrong("reset"), []want{{pod(2), check.Unseen, "", []string{"reset"}}}},
			{"no cookie will do", func(s *rt.Story) {
				s.Change(isCookie(2, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
			}, []want{{pod(2), check.Unseen, "", []string{"this proves nothing"}}}},
		},
	}
}
