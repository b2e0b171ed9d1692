package check

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdPort() Check {
	return Check{
		ID: "epmd/port-as-declared", Title: "registers one node, at the declared distribution port", Rung: EPMD, Level: Latent, Episode: "formation",
		Why:    "A port that is not pinned changes at every start: it works until a NetworkPolicy, a firewall or a mesh opens only the declared one.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (inet_dist_listen_min, inet_dist_listen_max)",
		Causes: map[string][]string{"not-registered": above("dist/port-reachable", "dist/cookie-accepted"), "port-unpinned": nil, "several-names": nil},
		Judge: func(v *view.View) []Finding {
			return eachPair(v, func(p, q *view.Pod, from, to time.Duration) Finding {
				f := Finding{Subject: onPair(p, q), Outcome: Unseen, Says: fmt.Sprintf("epmd of %s gave no names to %s", q.Name, p.Name)}
				for _, e := range slices.Backward(view.Between(q.EPMD, from, to)) {
					if e.EPMD.From == p.UID && e.EPMD.Outcome == recording.OK {
						f.At, f.Outcome, f.Says = e.T, Pass, ""
						registered(v, &f, q, e.EPMD)
						return f
					}
				}
				return f
			})
		},
	}
}

func registered(v *view.View, f *Finding, q *view.Pod, a *recording.EPMD) {
	declared := v.Profile.DistPort
	for _, n := range a.Names {
		f.Seen = append(f.Seen, fmt.Sprintf("name %s at port %d", n.Name, n.Port))
	}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- epmd -names", v.Header.Namespace, q.Name)
	switch {
	case len(a.Names) == 0:
		f.Outcome, f.Code = Fail, "not-registered"
		f.Says = fmt.Sprintf("epmd on %s answers, but no node is registered: the VM is not distributed or lost its registration", a.Addr)
		f.Remedy = "start the VM with -name, and see that it can reach epmd on its own loopback"
	case len(a.Names) > 1:
		f.Outcome, f.Code = Fail, "several-names"
		f.Says = fmt.Sprintf("epmd on %s lists %d nodes, one is expected", a.Addr, len(a.Names))
	case declared == 0:
		f.Outcome = NotApplicable
		f.Says = "the manifests declare no distribution port (no container port with \"dist\" in its name)"
	case a.Names[0].Port != declared:
		f.Outcome, f.Code = Fail, "port-unpinned"
		f.Says = fmt.Sprintf("epmd on %s advertises port %d for %s, declared is %d: inet_dist_listen_min/max did not reach the VM", a.Addr, a.Names[0].Port, a.Names[0].Name, declared)
		f.Remedy = fmt.Sprintf("set {kernel, [{inet_dist_listen_min, %d}, {inet_dist_listen_max, %d}]} in sys.config, and nothing that overrides it (ERL_FLAGS, vm.args)", declared, declared)
	}
}
