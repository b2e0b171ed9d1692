package rules_test

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// vm changes what /proc shows of pod i's BEAM.
func vm(i int, change func(m *recording.VM)) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(i) }, func(e *recording.Event) { change(e.VM) })
	}
}

// everyVM changes that of all pods.
func everyVM(change func(m *recording.VM)) func(s *rt.Story) {
	return all(vm(0, change), vm(1, change), vm(2, change))
}

// instead replaces a flag of the command line.
func instead(before, after string) func(m *recording.VM) {
	return func(m *recording.VM) {
		for i, a := range m.Args {
			if a == before {
				m.Args[i] = after
			}
		}
	}
}

// named gives the VM that name on its command line, and drop takes a flag and its value out of it.
func named(name string) func(m *recording.VM) {
	return func(m *recording.VM) { m.Args[slices.Index(m.Args, "-name")+1] = name }
}

func drop(flag string) func(m *recording.VM) {
	return func(m *recording.VM) {
		i := slices.Index(m.Args, flag)
		m.Args = slices.Delete(m.Args, i, i+2)
	}
}

// nameless is pod i's node never having said its name: nobody could ask it.
func nameless(i int) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Drop(func(e recording.Event) bool {
			return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) || e.Dist != nil && e.Dist.To == rt.UID(i) || e.Cookie != nil && e.Cookie.Pod == rt.UID(i) || e.Kernel != nil && e.Kernel.Pod == rt.UID(i)
		})
	}
}

func kernel(i int, change func(k *recording.Kernel)) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(i) }, func(e *recording.Event) { change(e.Kernel) })
	}
}

func vmTrials() map[string][]trial {
	undistributed := all(nameless(2), vm(2, drop("-name")))
	apart := func(s *rt.Story) { blind(s, 0, 2, 0) }
	short := vm(2, func(m *recording.VM) { instead("-name", "-sname")(m); m.VMArgs[0] = "-sname derl" })
	shortKernel := kernel(2, func(k *recording.Kernel) { k.Names = "shortnames" })
	limit := field(`"resources":{"limits":{"cpu":"500m"}}`)
	spins := vm(1, func(m *recording.VM) { m.Args = slices.DeleteFunc(m.Args, func(a string) bool { return a == "-sbwt" }) })
	tried := map[string][]trial{
		"vm/distributed": {
			{"no name", undistributed, []want{{pod(2), check.Fail, "not-distributed", []string{rt.Name(2), "-name NAME@${POD_IP}", "-n " + rt.Namespace}}}},
			{"told not to be", all(undistributed, vm(2, func(m *recording.VM) { m.Env = map[string]string{"RELEASE_DISTRIBUTION": "none"} })),
				[]want{{pod(2), check.Fail, "not-distributed", []string{"RELEASE_DISTRIBUTION is none", "RELEASE_DISTRIBUTION=name"}}}},
			{"named by its own code", vm(2, drop("-name")), nil},
			{"a name behind -extra", all(nameless(2), vm(2, func(m *recording.VM) { m.Args = slices.Insert(m.Args, 0, "-extra") })), []want{{pod(2), check.Fail, "not-distributed", nil}}},
		},
		"vm/name-complete": {
			{"no host", vm(1, named("derl@")), []want{{pod(1), check.Fail, "no-host", []string{"-name derl@", "host part is empty", "status.podIP"}}}},
			{"a placeholder", vm(1, named("derl@${POD_IP}")), []want{{pod(1), check.Fail, "placeholder", []string{"derl@${POD_IP}"}}}},
			{"Kubernetes' own placeholder", vm(1, named("derl@$(POD_IP)")), []want{{pod(1), check.Fail, "placeholder", nil}}},
			{"nothing", vm(1, named("-proto_dist")), []want{{pod(1), check.Fail, "empty", []string{"-name, but no name follows"}}}},
			{"no name at all", undistributed, []want{{pod(2), check.NotApplicable, "", []string{"no name at all"}}}},
			{"named by its own code", vm(2, drop("-name")), nil},
		},
		"vm/long-names": {
			{"one short", all(apart, short, shortKernel), []want{{pod(2), check.Fail, "short-among-long", []string{rt.Node(2), rt.Name(0) + " and " + rt.Name(1), "/tmp/vm.args: -sname derl"}}}},
			{"one short, by its command line", all(apart, nameless(2), short), []want{{pod(2), check.Fail, "short-among-long", nil}}},
			{"all short", all(apart, kernel(0, func(k *recording.Kernel) { k.Names = "shortnames" }), kernel(1, func(k *recording.Kernel) { k.Names = "shortnames" }), shortKernel),
				[]want{{"pod *", check.Fail, "short-names", []string{"10.244.0.", "no dot"}}}},
			{"all short, and a full mesh", all(kernel(0, func(k *recording.Kernel) { k.Names = "shortnames" }), kernel(1, func(k *recording.Kernel) { k.Names = "shortnames" }), shortKernel), nil},
			{"no name", undistributed, []want{{pod(2), check.NotApplicable, "", []string{"no name"}}}},
		},
		"vm/cookie-flag": {
			{"misspelt", vm(1, instead("-setcookie", "-cookie")), []want{{pod(1), check.Fail, "misspelt", []string{"-cookie (cookie)", "-setcookie instead of -cookie"}}}},
			{"both", vm(1, func(m *recording.VM) { m.Args = append(m.Args, "-cookie", "(cookie)") }), nil},
			{"neither: a cookie file", vm(1, drop("-setcookie")), nil},
		},
		"vm/hidden": {
			{"one", vm(1, func(m *recording.VM) { m.Args = append(m.Args, "-hidden") }), []want{{pod(1), check.Fail, "hidden", []string{rt.Name(0) + " and " + rt.Name(2)}}}},
			{"one, as it is registered", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(1) }, func(e *recording.Event) { e.Registration.Type = "hidden" })
			}, []want{{pod(1), check.Fail, "hidden", nil}}},
			{"all, on purpose", everyVM(func(m *recording.VM) { m.Args = append(m.Args, "-hidden") }), nil},
		},
		"vm/epmd-port-same": {
			{"one differs", vm(1, func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4370"} }), []want{{pod(1), check.Fail, "differs", []string{"4370", "use 4369"}}}},
			{"all have another", everyVM(func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4370"} }), nil},
			{"said and not said", vm(1, func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4369"} }), nil},
		},
		"vm/first-process": {
			{"a shell", vm(1, func(m *recording.VM) { m.NSPID, m.First, m.FirstDeaf = 7, "sh", true }), []want{{pod(1), check.Fail, "shell-first", []string{"is sh", "process 7", "ENTRYPOINT"}}}},
			{"a script", vm(1, func(m *recording.VM) { m.NSPID, m.First, m.FirstDeaf = 7, "entrypoint.sh", true }), []want{{pod(1), check.Fail, "shell-first", []string{"is entrypoint.sh"}}}},
			{"a shell with a trap", vm(1, func(m *recording.VM) { m.NSPID, m.First = 7, "sh" }), nil},
			{"an init", vm(1, func(m *recording.VM) { m.NSPID, m.First = 7, "tini" }), nil},
		},
		"vm/busy-wait": {
			{"no limit", func(*rt.Story) {}, []want{{"pod *", check.NotApplicable, "", []string{"CPU limit"}}}},
			{"spins under a limit", all(limit, spins), []want{{pod(1), check.Fail, "spins", []string{"500m", "+sbwt none"}}, {"pod *", check.Pass, "", nil}}},
		},
	}
	for id := range tried {
		unseen := []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}
		if id == "vm/busy-wait" {
			unseen = append(unseen, want{"pod *", check.NotApplicable, "", nil})
		}
		tried[id] = append(tried[id],
			trial{"no VM was seen", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(1) })
			}, unseen},
			trial{"no agent can look", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.VM != nil })
				s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns"} })
			}, []want{{"pod *", check.Unseen, "", []string{"cannot read processes"}}}},
			trial{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}})
	}
	return tried
}

func settingTrials() map[string][]trial {
	otp := func(i int, release string) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(isNodes(i, 0), func(e *recording.Event) { e.Nodes.OTP = release })
		}
	}
	tried := map[string][]trial{
		"mesh/auto-connect": {
			{"once", kernel(1, func(k *recording.Kernel) { k.AutoConnect = "once" }), []want{{pod(1), check.Fail, "once", []string{rt.Node(1), "dist_auto_connect once"}}}},
			{"never", kernel(1, func(k *recording.Kernel) { k.AutoConnect = "never" }), []want{{pod(1), check.Fail, "never", []string{rt.Node(1)}}}},
		},
		"mesh/connects-all": {
			{"not", kernel(1, func(k *recording.Kernel) { k.ConnectAll = "false" }), []want{{pod(1), check.Fail, "partial", []string{rt.Node(1), "connect_all false"}}}},
		},
		"mesh/ticktime-same": {
			{"differs", kernel(1, func(k *recording.Kernel) { k.TickTime = 600 * time.Second }), []want{{pod(1), check.Fail, "differs", []string{"600 s", rt.Name(0) + " and " + rt.Name(2) + " have 60 s"}}}},
			{"not told by one", kernel(1, func(k *recording.Kernel) { k.TickTime = 0 }), nil},
			{"the same, not the default", all(kernel(0, func(k *recording.Kernel) { k.TickTime = 8 * time.Second }), kernel(1, func(k *recording.Kernel) { k.TickTime = 8 * time.Second }),
				kernel(2, func(k *recording.Kernel) { k.TickTime = 8 * time.Second })), nil},
		},
		"mesh/partitions-prevented-same": {
			{"differs", kernel(1, func(k *recording.Kernel) { k.Prevents = "false" }), []want{{pod(1), check.Fail, "differs", []string{"prevent_overlapping_partitions false", "have true"}}}},
			{"too old to have it", kernel(1, func(k *recording.Kernel) { k.Prevents = "" }), nil},
		},
	}
	for id := range tried {
		tried[id] = append(tried[id],
			trial{"the node does not answer", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Pod == rt.UID(1) })
			}, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
			trial{"refused", kernel(1, func(k *recording.Kernel) { k.Outcome = recording.Denied }), []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}})
	}
	tried["mesh/otp-spread"] = []trial{
		{"three apart", otp(1, "25"), []want{{whole, check.Fail, "too-far", []string{"OTP 25 to 28", "OTP 26 or later", rt.Name(1) + " runs OTP 25"}}}},
		{"two apart", otp(1, "26"), nil},
		{"one did not tell", otp(1, ""), nil},
		{"the node does not answer", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Nodes != nil }) }, []want{{whole, check.Unseen, "", []string{"no node reported"}}}},
	}
	return tried
}

func askedTrials() map[string][]trial {
	isAsked := func(i int) func(e recording.Event) bool {
		return func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(i) }
	}
	asks := func(i int, q ...recording.Question) func(s *rt.Story) {
		return func(s *rt.Story) { s.Change(isAsked(i), func(e *recording.Event) { e.Asked.Questions = q }) }
	}
	nothing := func(name string) recording.Question {
		return recording.Question{Name: name, Type: "A", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
	}
	found := func(name string) recording.Question {
		return recording.Question{Name: name, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}}
	}
	empty := recording.Question{Name: rt.Service, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}, Empty: 1}
	ns := rt.Service + "." + rt.Namespace
	resolver := func(o recording.Outcome, rcode string) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(isDNS(1, 0), func(e *recording.Event) {
				e.DNS.Outcome, e.DNS.RCode, e.DNS.Addrs, e.DNS.Detail = o, rcode, nil, "what was seen"
			})
		}
	}
	one := func(code string, says ...string) []want { return []want{{pod(1), check.Fail, code, says}} }
	tried := map[string][]trial{
		"dns/name-asked-in-full": {
			{"one label", asks(1, nothing(rt.Service)), one("short-name", "queries the short name derl and", rt.DNSName, "12 × NXDOMAIN")},
			{"without the domain", asks(1, nothing(ns+".svc")), one("short-name", ns+".svc and gets no address")},
			{"one label, answered with nothing", asks(1, empty), one("short-name", "of them empty")},
			{"through the search list", asks(1, nothing(ns+"."+rt.DNSName), nothing(ns), found(rt.DNSName)), nil},
			{"through the search list, in vain", asks(1, nothing(rt.DNSName), nothing(rt.Service)), nil},
			{"other names", asks(1, nothing("shop.example")), nil},
			{"other types", asks(1, recording.Question{Name: rt.Service, Type: "TXT", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}), []want{{pod(1), check.NotApplicable, "", []string{"sent no DNS query"}}}},
			{"unanswered", asks(1, recording.Question{Name: rt.Service, Type: "A", Count: 1}), nil},
		},
		"dns/cluster-domain": {
			{"another domain", asks(1, nothing(ns+".svc.k8s.example")), one("wrong-domain", ns+".svc.k8s.example", "cluster.local, not k8s.example", "resolv.conf")},
			{"through the search list", asks(1, nothing(rt.DNSName+".svc.cluster.local"), nothing(rt.DNSName+"."+rt.Namespace+".svc.cluster.local"), found(rt.DNSName)), nil},
			{"of another Service", asks(1, nothing("db.other.svc.k8s.example")), nil},
			{"that answers", asks(1, found(ns+".svc.k8s.example")), nil},
		},
	}
	lone := func(all ...recording.Question) func(s *rt.Story) { return both(lonely, asks(1, all...)) }
	srv := recording.Question{Name: "_dist._tcp." + rt.DNSName, Type: "SRV", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
	const svc = ".svc.cluster.local"
	tried["dns/peers-exist"] = []trial{
		{"pods of another namespace", lone(nothing("derl-0.derl.default.svc.cluster.local"), nothing("derl-1.derl.default.svc.cluster.local")),
			one("no-such-name", "queries derl-0.derl.default.svc.cluster.local", "no peer name that exists", "namespace "+rt.Namespace, "derl-1.derl.default", "12 × NXDOMAIN")},
		{"another Service, and a pod's name", lone(nothing(rt.Name(2) + ".other." + rt.Namespace + ".svc.cluster.local")), one("no-such-name", rt.Name(2)+".other")},
		{"a port without a name", lone(srv), one("no-such-port", "Service derl has no port with the name dist", "epmd 4369", "_dist._tcp")},
		{"a Service of another name", lone(nothing("drel." + rt.Namespace + svc)), one("no-such-service", "queries drel."+rt.Namespace+svc, "selects the nodes, derl in namespace "+rt.Namespace, "12 × NXDOMAIN", "with the name "+rt.DNSName)},
		{"a Service of another name, by SRV", lone(nothing("_dist._tcp.drel." + rt.Namespace + svc)), one("no-such-service", "_dist._tcp.drel")},
		{"a Service of another name that is there", lone(found("redis." + rt.Namespace + svc)), nil},
		{"another Service, and the right one, too early", lone(nothing("redis."+rt.Namespace+svc), nothing(rt.DNSName)), nil},
		{"another Service, and the API", lone(nothing("redis."+rt.Namespace+svc), found("kubernetes.default"+svc)), nil},
		{"another Service, and the mesh is full", asks(1, nothing("redis."+rt.Namespace+svc)), nil},
		{"one of them exists", lone(nothing("derl-9.derl."+rt.Namespace+".svc.cluster.local"), found("derl-0.derl."+rt.Namespace+".svc.cluster.local")), nil},
		{"the Service, before any pod was Ready", lone(nothing(rt.DNSName)), nil},
		{"a full mesh all the same", asks(1, srv), nil},
		{"nobody's names", lone(nothing("otel-collector.other.svc.cluster.local"), nothing("derl.example")), nil},
		{"through the search list", lone(nothing(rt.DNSName+".svc.cluster.local"), nothing(rt.DNSName+".cluster.local")), nil},
		{"unanswered", lone(recording.Question{Name: "derl-0." + rt.DNSName, Type: "A", Count: 1}), nil},
		{"no pod is Ready", both(lone(srv), func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Ready = false })
		}), []want{{whole, check.Unseen, "", []string{"no pod is Ready"}}}},
		{"no resolv.conf", both(lone(srv), func(s *rt.Story) {
			s.Drop(func(e recording.Event) bool { return e.Resolver != nil && e.Resolver.Pod == rt.UID(1) })
		}), []want{{pod(1), check.Unseen, "", []string{"resolv.conf"}}}},
	}
	for id := range tried {
		tried[id] = append(tried[id],
			trial{"the queries were not captured", func(s *rt.Story) { s.Drop(isAsked(1)) }, []want{{pod(1), check.Unseen, "", []string{"were not captured"}}}},
			trial{"the agent cannot", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns"} })
			}, []want{{"pod *", check.Unseen, "", []string{"af_packet"}}}},
			trial{"nothing was asked", asks(1), []want{{pod(1), check.NotApplicable, "", []string{"sent no DNS query"}}}},
			trial{"no resolv.conf", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Resolver != nil && e.Resolver.Pod == rt.UID(1) })
			},
				[]want{{pod(1), check.Unseen, "", []string{"resolv.conf"}}}},
			trial{"no Service", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{"service (none)", check.NotApplicable, "", nil}}})
	}
	tried["dns/resolver-answers"] = []trial{
		{"dropped", resolver(recording.Timeout, ""), one("filtered", "10.96.0.10", "dropped", "what was seen", "search "+rt.Namespace+".svc.cluster.local")},
		{"refused", resolver(recording.Refused, ""), one("refused", "nothing listens", "k8s-app=kube-dns")},
		{"rejected", resolver(recording.Rejected, ""), one("unreachable", "rejected")},
		{"SERVFAIL", resolver(recording.OK, "SERVFAIL"), one("servfail", "SERVFAIL", "getent")},
		{"REFUSED", resolver(recording.OK, "REFUSED"), one("declined", "gets REFUSED", "dnsPolicy")},
		{"NXDOMAIN is an answer", resolver(recording.OK, "NXDOMAIN"), nil},
		{"not asked", func(s *rt.Story) { s.Drop(isDNS(1, 0)) }, []want{{pod(1), check.Unseen, "", []string{"no DNS query"}}}},
		{"our own errors only", resolver(recording.ProbeError, ""), []want{{pod(1), check.Unseen, "", nil}}},
		{"no Service", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{"service (none)", check.NotApplicable, "", nil}}},
	}
	return tried
}
