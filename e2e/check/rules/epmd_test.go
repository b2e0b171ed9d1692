package rules_test

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// toEPMD are the dials to pod i's epmd from t on.
func toEPMD(i int, t time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == rt.UID(i) && e.T >= t }
}

// lists makes pod i's epmd list other names from t on.
func lists(i int, t time.Duration, names ...recording.Registered) func(s *rt.Story) {
	return func(s *rt.Story) { s.Change(toEPMD(i, t), func(e *recording.Event) { e.EPMD.Names = names }) }
}

// shut closes pod i's epmd at t.
func shut(i int, t time.Duration) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Change(toEPMD(i, t), func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Refused, nil })
	}
}

// epmdless makes the nodes ones that use no epmd, each listening on the port given.
func epmdless(ports ...string) func(s *rt.Story) {
	return func(s *rt.Story) {
		edit(s, func(p *profile.Resolved) { p.EPMDPort = 0 })
		s.Drop(func(e recording.Event) bool { return e.EPMD != nil || e.Registration != nil })
		for i, port := range ports {
			s.Change(isVM(i), func(e *recording.Event) {
				e.VM.Args = append(e.VM.Args, "-kernel", "erl_epmd_node_listen_port", port)
			})
		}
	}
}

func isVM(i int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(i) }
}

func epmdTrials() map[string][]trial {
	noEPMD := trial{"no epmd", epmdless("10000", "10000", "10000"), []want{{whole, check.NotApplicable, "", []string{"no epmd"}}}}
	dropped := trial{"epmd was not asked", func(s *rt.Story) { s.Drop(toEPMD(2, 0)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}}
	derl := recording.Registered{Name: "derl", Port: rt.DistPort}
	isRegistration := func(e recording.Event) bool {
		return e.Registration != nil && e.Registration.Pod == rt.UID(2)
	}
	typed := func(kind string) func(s *rt.Story) {
		return func(s *rt.Story) { s.Change(isRegistration, func(e *recording.Event) { e.Registration.Type = kind }) }
	}
	loopback := func(addrs ...string) func(s *rt.Story) {
		return func(s *rt.Story) {
			shut(2, 0)(s)
			s.Change(isSockets(2, 0), func(e *recording.Event) { e.Sockets.Listen = slices.Concat(addrs, []string{rt.IP(2) + ":10000"}) })
		}
	}
	return map[string][]trial{
		"epmd/name-registered": {
			noEPMD, dropped,
			{"no node is registered", lists(2, 0), []want{{pod(2), check.Fail, "not-registered", []string{rt.IP(2) + ":4369", "no node"}}}},
			{"another name is registered", lists(2, 0, recording.Registered{Name: "helper", Port: 40001}), []want{{pod(2), check.Fail, "not-registered",
				[]string{"lists 1 names, but not derl", "name helper at port 40001"}}}},
			{"epmd was started anew under the node", lists(2, 9*time.Second), []want{{pod(2), check.Fail, "registration-lost",
				[]string{"epmd on " + rt.IP(2) + ":4369 listed derl until 8.5", "the node still runs", "was restarted", "next pod", "restart " + rt.Name(2)}}}},
			{"epmd was killed under the node", shut(2, 9*time.Second), []want{{pod(2), check.Fail, "registration-lost", []string{"derl until 8.5", "epmd has stopped"}}}},
			{"epmd was killed, and the node was not heard after", func(s *rt.Story) {
				shut(2, 9*time.Second)(s)
				s.Drop(func(e recording.Event) bool {
					return e.T >= 8*time.Second && (isNodes(2, 0)(e) || e.Dist != nil && e.Dist.To == rt.UID(2))
				})
			}, nil},
			{"one answer came without the name", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return toEPMD(2, 9*time.Second)(e) && e.T < 10*time.Second }, func(e *recording.Event) { e.EPMD.Names = nil })
			}, nil},
			{"the node's name is not known", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool {
					return isNodes(2, 0)(e) || e.Dist != nil && e.Dist.To == rt.UID(2) || e.Cookie != nil && e.Cookie.Pod == rt.UID(2)
				})
			}, nil},
			{"a remote console", lists(2, 0, derl, recording.Registered{Name: "rem-1f0e-derl", Port: 40001}), nil},
		},
		"epmd/one-name": {
			noEPMD, dropped,
			{"two nodes", lists(2, 0, derl, recording.Registered{Name: "helper", Port: 40001}),
				[]want{{pod(2), check.Fail, "several-names", []string{"epmd on " + rt.IP(2) + ":4369 lists 2 nodes", "name helper at port 40001", "-names"}}}},
			{"a remote console", lists(2, 0, derl, recording.Registered{Name: "rem-1f0e-derl", Port: 40001}), nil},
			{"a command of the release", lists(2, 0, derl, recording.Registered{Name: "rpc-1f0e-derl", Port: 40001}, recording.Registered{Name: "remsh7a6b-derl", Port: 40002}), nil},
		},
		"epmd/registration-type": {
			noEPMD,
			{"hidden", typed("hidden"), []want{{pod(2), check.Fail, "hidden", []string{"derl of " + rt.Name(2), "hidden node", "-hidden"}}}},
			{"of an unknown type", typed("7"), []want{{pod(2), check.Unseen, "", []string{"type 7"}}}},
			{"not asked", func(s *rt.Story) { s.Drop(isRegistration) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
			{"epmd did not know it in the end", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isRegistration(e) && e.T > 10*time.Second }, func(e *recording.Event) {
					e.Registration.Outcome, e.Registration.Type = "not-registered", ""
				})
			}, nil},
		},
		"epmd/port-as-declared": {
			noEPMD, dropped,
			{"not pinned", lists(2, 0, recording.Registered{Name: "derl", Port: 38171}), []want{{pod(2), check.Fail, "port-unpinned",
				[]string{"epmd on " + rt.IP(2) + ":4369 advertises port 38171 for derl, but the manifests declare port 10000", "inet_dist_listen_min"}}}},
			{"nothing is declared", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.DistPort = 0 }) }, []want{{"pod *", check.NotApplicable, "", []string{"declare no distribution port"}}}},
			{"no node is registered", lists(2, 0), []want{{pod(2), check.Unseen, "", []string{"does not list the node of " + rt.Name(2)}}}},
			{"epmd refuses", shut(2, 0), []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
			{"the youngest dial failed", shut(2, 14*time.Second), nil},
			{"another node beside it, at another port", lists(2, 0, recording.Registered{Name: "rem-1f0e-derl", Port: 40001}, derl), nil},
		},
		"epmd/reachable": {
			noEPMD,
			{"bound to loopback", loopback("127.0.0.1:4369", "[::1]:4369"), []want{{"derl*", check.Fail, "loopback-only",
				[]string{"epmd on " + rt.IP(2) + ":4369 refuses connections", "bound to 127.0.0.1:4369 and [::1]:4369 only", "ERL_EPMD_ADDRESS"}}}},
			{"nobody listens", loopback(), []want{{"derl*", check.Fail, "refused", []string{"port 4369 is not open on any other address of " + rt.Name(2), "log of " + rt.Name(2)}}}},
			{"something resets it", loopback("0.0.0.0:4369"), []want{{"derl*", check.Fail, "refused", []string{rt.Name(2) + " listens on 0.0.0.0:4369", "on the way rejects the connection"}}}},
			{"it has ended under its node", shut(2, 9*time.Second), []want{{"derl*", check.NotApplicable, "", []string{"answered until 8.5", "registration"}}}},
		},
		"dist/same-port": {
			{"one port without epmd", epmdless("10000", "10000", "10000"), []want{{"pod *", check.Pass, "", nil}}},
			{"another port on one node", epmdless("10000", "10000", "10001"), []want{{pod(2), check.Fail, "other-port", []string{rt.Node(2) + " listens on port 10001", "they use port 10000"}}}},
			{"another port on all nodes", epmdless("10002", "10001", "10003"), []want{{pod(0), check.Fail, "other-port", []string{"they use port 10001"}}, {pod(2), check.Fail, "other-port", nil}}},
			{"one command line was not seen", func(s *rt.Story) { epmdless("10000", "10000")(s); s.Drop(isVM(2)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "command line"}}}},
			{"the nodes of older releases", func(s *rt.Story) {
				epmdless()(s)
				s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) {
					e.VM.Args = append(e.VM.Args, "-start_epmd", "false", "-erl_epmd_port", "10000")
				})
			}, []want{{"pod *", check.Pass, "", nil}}},
			{"with epmd", func(*rt.Story) {}, []want{{whole, check.NotApplicable, "", []string{"use epmd, which tells"}}}},
		},
	}
}
