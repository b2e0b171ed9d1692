package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// fault is a recording in which one thing is wrong, or two, with all that follows from it, and the checks that must then be
// red: those and no others, and nothing grey.
type fault struct {
	name   string
	change func(s *rt.Recording)
	red    []string
}

func faults() []fault {
	none := func(e *recording.Event) { e.DNS.RCode, e.DNS.Addrs = "NXDOMAIN", nil }
	isAnyDNS := func(e recording.Event) bool { return e.DNS != nil }
	// locked is node i refusing the cookie: it cannot be asked, and nobody has a link to it.
	locked := func(i int) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isCookie(i, "A"), func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
			deaf(i)(s)
		}
	}
	allLocked := all(locked(0), locked(1), locked(2))
	unresolved := func(s *rt.Recording) {
		s.Change(isAnyDNS, none)
		s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) {
			for i := range e.Asked.Questions {
				e.Asked.Questions[i].RCodes = map[string]int{"NXDOMAIN": 1}
			}
		})
	}
	filtered := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.EPMD != nil }, func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Timeout, nil })
		s.Change(func(e recording.Event) bool { return e.Dist != nil }, func(e *recording.Event) { e.Dist.Outcome, e.Dist.Node = recording.Timeout, "" })
	}
	return []fault{
		{"-cookie", all(args("foreground", "-cookie", "$(COOKIE)"), everyVM(instead("-setcookie", "-cookie")), allLocked), []string{"manifest/cookie-flag"}},
		{"-cookie, in the image", all(everyVM(instead("-setcookie", "-cookie")), allLocked), []string{"vm/cookie-flag"}},
		{"RELX_COOKIE only", all(rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`), allLocked), []string{"manifest/cookie-reaches-vm"}},
		{"one cookie differs", locked(2), []string{"handshake/cookie-accepted"}},
		{"a selector with one letter too few", all(rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"drl"}`), unresolved, lonely), []string{"service/selects-pods"}},
		{"a Service with a cluster IP", all(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Service != nil }, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
			s.Change(isAnyDNS, func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = []string{"10.96.7.7"}, "NOERROR" })
		}, lonely), []string{"service/headless"}},
		{"a Job's pod behind the Service", all(job(`{"app":"derl"}`), func(s *rt.Recording) {
			s.Add(recording.Event{T: 3 * time.Second, By: "kube", Pod: &recording.Pod{UID: "job", Name: "migrate-x", Owner: "Job/migrate", Labels: map[string]string{"app": "derl"}, Node: rt.Worker,
				IP: "10.244.9.9", Phase: "Running", Ready: true, Containers: []recording.Container{{Name: "migrate", State: "running"}}}})
			s.Change(func(e recording.Event) bool { return e.DNS != nil && e.T > 4*time.Second }, func(e *recording.Event) { e.DNS.Addrs = append(e.DNS.Addrs, "10.244.9.9") })
		}), []string{"service/one-application"}},
		{"no resolver", all(func(s *rt.Recording) {
			s.Change(isAnyDNS, func(e *recording.Event) { e.DNS.Outcome, e.DNS.RCode, e.DNS.Addrs = recording.Timeout, "", nil })
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions[0].RCodes = nil })
		}, lonely), []string{"dns/resolver-answers"}},
		{"another domain", all(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) {
				e.Asked.Questions[0] = recording.Question{Name: "derl." + rt.Namespace + ".svc.k8s.example", Type: "A", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
			})
		}, lonely), []string{"dns/cluster-domain"}},
		{"a Service of another name", all(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) {
				e.Asked.Questions[0] = recording.Question{Name: "shop-derl." + rt.Namespace + ".svc.cluster.local", Type: "A", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
			})
		}, lonely), []string{"dns/peers-exist"}},
		{"a VM that is not distributed", all(vm(2, drop("-name")), absent(2)), []string{"vm/distributed"}},
		{"a VM that is not distributed, and a probe that asks for it", all(vm(2, drop("-name")), absent(2), unready(2)), []string{"vm/distributed"}},
		{"one hidden node", all(vm(1, func(m *recording.VM) { m.Args = append(m.Args, "-hidden") }), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(1) }, func(e *recording.Event) { e.Registration.Type = "hidden" })
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
				if e.Nodes.Pod == rt.UID(1) {
					e.Nodes.Hidden, e.Nodes.Visible = e.Nodes.Visible, nil
					return
				}
				if left := without(e.Nodes.Visible, rt.Node(1)); len(left) < len(e.Nodes.Visible) {
					e.Nodes.Visible, e.Nodes.Hidden = left, []string{rt.Node(1)}
				}
			})
		}), []string{"vm/hidden"}},
		{"one epmd port differs", all(vm(2, func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4370"} }), absent(2)), []string{"vm/epmd-port-same"}},
		{"one short name", all(vm(2, instead("-name", "-sname")), deaf(2), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(2) }, func(e *recording.Event) { e.Dist.Node = "derl@derl-c2" })
			s.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Pod == rt.UID(2) }, func(e *recording.Event) { e.Cookie.Node = "derl@derl-c2" })
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(2) }, func(e *recording.Event) { e.Nodes.Node = "derl@derl-c2" })
		}), []string{"vm/long-names"}},
		{"all have one name", all(literal("RELEASE_NODE", "derl@127.0.0.1"), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Dist != nil }, func(e *recording.Event) { e.Dist.Node = "derl@127.0.0.1" })
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Node, e.Nodes.Visible = "derl@127.0.0.1", nil })
			s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) { e.Sockets.Links = nil })
		}), []string{"manifest/name-per-pod"}},
		{"a name without a host", all(literal("RELEASE_NODE", "derl@$(MY_IP)"), func(s *rt.Recording) {
			for i := range 3 {
				dies(s, i, "Can't set long node name!")
			}
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.Start == nil && e.Clock == nil && e.Beat == nil })
		}), []string{"manifest/variables-set"}},
		{"no pod that lives", func(s *rt.Recording) {
			for i := range 3 {
				dies(s, i, "exec format error")
			}
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.Start == nil && e.Clock == nil && e.Beat == nil })
		}, []string{"pods/running"}},
		{"an image that was not built", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Image == nil && e.Object == nil && e.Start == nil })
			s.Change(func(e recording.Event) bool { return e.Image != nil }, func(e *recording.Event) { e.Image.Outcome = "failed" })
		}, []string{"image/available"}},
		{"an image that no node can get", func(s *rt.Recording) {
			for i := range 3 {
				s.Change(isPod(i), func(e *recording.Event) {
					e.Pod.Phase, e.Pod.Ready, e.Pod.IP = "Pending", false, ""
					e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "waiting", "ErrImagePull"
				})
			}
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.Start == nil && e.Clock == nil && e.Beat == nil })
		}, []string{"image/available"}},
		{"one pod that dies", all(func(s *rt.Recording) { dies(s, 1, "Can't set long node name!") }, speechless(1)), []string{"pods/running"}},
		{"a policy that shuts out peers", all(networkPolicy(`"ingress":[]`), filtered, lonely), []string{"manifest/network-policy-admits-peers"}},
		{"no policy, and filtered all the same", all(filtered, lonely), []string{"epmd/reachable"}},
		{"two faults: another cookie, and a pod that dies", all(locked(2), func(s *rt.Recording) { dies(s, 1, "exec format error") }, speechless(1)), []string{"handshake/cookie-accepted", "pods/running"}},
		{"two faults: a cluster IP is not all", all(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Service != nil }, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
			s.Change(isAnyDNS, func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = []string{"10.96.7.7"}, "NOERROR" })
		}, lonely, allLocked), []string{"handshake/cookie-accepted", "service/headless"}},
		{"clustered, and never Ready", all(neverReady(0), neverReady(1), neverReady(2)), []string{"pods/ready"}},
		{"clustered, and one of them never Ready", neverReady(1), []string{"pods/ready"}},
		{"clustered, none Ready, and none in DNS", all(neverReady(0), neverReady(1), neverReady(2), func(s *rt.Recording) { s.Change(isAnyDNS, none) }), []string{"pods/ready"}},
		{"nothing", func(*rt.Recording) {}, nil},
	}
}

// neverReady is pod i never becoming Ready, while DNS tells of it all the same.
func neverReady(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(i), func(e *recording.Event) {
			e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
		})
	}
}

// unready is pod i never becoming Ready, and DNS not telling of it.
func unready(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(i), func(e *recording.Event) {
			e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
		})
		s.Change(func(e recording.Event) bool { return e.DNS != nil }, func(e *recording.Event) { e.DNS.Addrs = without(e.DNS.Addrs, rt.IP(i)) })
	}
}

// deaf is node i not answering us nor its peers.
func deaf(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
			if e.Nodes.Pod == rt.UID(i) {
				e.Nodes.Outcome, e.Nodes.Visible, e.Nodes.OTP = recording.Denied, nil, ""
			}
			e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(i))
		})
		s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(i) }, func(e *recording.Event) {
			e.Kernel = &recording.Kernel{Pod: rt.UID(i), Outcome: recording.Denied}
		})
		s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) {
			e.Sockets.Links = slices.DeleteFunc(e.Sockets.Links, func(l recording.Link) bool {
				return e.Sockets.Pod == rt.UID(i) || strings.HasPrefix(l.Remote, rt.IP(i)+":")
			})
		})
	}
}

// absent is pod i's node not being there for anybody, though its VM runs.
func absent(i int) func(s *rt.Recording) {
	return all(deaf(i), nameless(i), func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == rt.UID(i) }, func(e *recording.Event) { e.EPMD.Outcome, e.EPMD.Names = recording.Refused, nil })
		s.Change(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(i) }, func(e *recording.Event) {
			e.Registration = &recording.Registration{Pod: rt.UID(i), Name: "derl", Outcome: recording.Refused}
		})
	})
}

// speechless is pod i without a VM: the agent sees nothing in it.
func speechless(i int) func(s *rt.Recording) {
	return all(deaf(i), func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool { return byAgent(e) && concerns(e, rt.UID(i)) })
		s.Change(func(e recording.Event) bool { return e.DNS != nil }, func(e *recording.Event) { e.DNS.Addrs = without(e.DNS.Addrs, rt.IP(i)) })
	})
}

// concerns reports whether the agent's event is about that pod, or was made from it.
func concerns(e recording.Event, uid string) bool { return e.PodUID() == uid || e.FromUID() == uid }

// One fault is one red, whatever follows from it; two are two.
func TestOneFaultIsOneRed(t *testing.T) {
	for _, x := range faults() {
		t.Run(x.name, func(t *testing.T) {
			s := rt.Formation(3)
			x.change(s)
			p := judge.Judge("dns-a", []judge.Scenario{{Name: "formation", View: fold(t, s)}}, rules.All())
			var red []string
			for _, r := range p.Results {
				switch r.Verdict {
				case judge.Fail:
					red = append(red, r.ID)
					if !slices.Contains(x.red, r.ID) {
						t.Errorf("%s is red: %s %s", r.ID, r.Code, r.Message)
					}
				case judge.Unknown:
					t.Errorf("%s is unknown: %s", r.ID, r.Message)
				}
			}
			slices.Sort(red)
			if !slices.Equal(red, x.red) {
				t.Errorf("red are %v, wanted %v", red, x.red)
			}
		})
	}
}
