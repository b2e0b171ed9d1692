package rules

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distPortReachable() check.Check {
	return check.Check{
		ID: "dist/port-reachable", Title: "has a distribution port on each node that every peer can reach", Rung: check.Dist, Level: check.Required, Scenario: "formation", Settles: true,
		Reads: []recording.Kind{recording.KindPod, recording.KindDist}, Needs: []string{recording.PeerDials},
		Why:    "Every pair of nodes has its own connection, and either side may have to open it: every node must be reachable from every other. An accepted TCP connection is not enough: a sidecar proxy also accepts connections for dead peers.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake",
		Causes: check.Alike(check.NeedsListener(), append(evidence.UnreachedCodes(), "loopback-only", "other-family")...),
		Judge: func(v *view.View) []check.Finding {
			return check.EachPair(v, func(q *view.Pod) []view.Dial { return q.ToDist }, dialled)
		},
	}
}

func dialled(q *view.Pod, list []view.Dial) func(p *view.Pod, d *view.Dial) check.Finding {
	tls, _ := q.OverTLS()
	return func(p *view.Pod, d *view.Dial) check.Finding {
		f := check.Finding{Subject: check.OnPair(p, q), Outcome: check.Pass}
		switch {
		case d == nil && tls && len(q.Certificates) == 0:
			evidence.CertificateUnseen(&f, q)
			return f
		case d == nil:
			f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s did not dial the distribution port of %s", p.Name, q.Name)
			return f
		case d.Outcome() == evidence.NotAllowed, d.Outcome() == recording.TLSRefused, d.Outcome() == recording.Silent && answered(list, p):
		case d.Outcome() == recording.TLSAlert:
			evidence.CertificateUnseen(&f, q)
		default:
			evidence.Unreached(&f, "the distribution port "+d.Addr()+" of "+q.Name, p, d.Outcome(), d.Detail())
			explainDist(&f, q, d)
		}
		f.At = d.T
		return f
	}
}

// answered reports whether the peer did answer that pod in the window: one that answers only now and then is slow, which
// handshake/acceptor-prompt judges.
func answered(list []view.Dial, p *view.Pod) bool {
	return slices.ContainsFunc(list, func(d view.Dial) bool { return d.Good && d.From == p.Number() })
}

func explainDist(f *check.Finding, q *view.Pod, d *view.Dial) {
	evidence.ExplainRefused(f, q, d.Addr(), d.T)
	switch f.Code {
	case "loopback-only":
		if k := q.Kernel(); k != nil && k.Interface != "" {
			f.Seen = append(f.Seen, "inet_dist_use_interface of "+q.Name+" is "+k.Interface)
		}
		f.Remedy = "remove inet_dist_use_interface from the parameters of the kernel application, or set it to the pod's address"
		f.Try = "ss -ltn in the pod's network namespace: the port is bound to a loopback address"
	case "other-family":
		f.Remedy = "start the VM with -proto_dist inet6_tcp (in vm.args, or by ERL_AFLAGS); without it, it listens and dials over IPv4"
		if vm := q.VM(); vm != nil {
			switch n := len(vm.Protocols()); n {
			case 0:
				f.Seen = append(f.Seen, "the command line of "+q.Name+" has no -proto_dist")
			case 1:
				f.Seen = append(f.Seen, evidence.CommandLine(vm, "-proto_dist")...)
			default:
				f.Seen = append(f.Seen, fmt.Sprintf("the command line of %s has -proto_dist %d times", q.Name, n))
				f.Remedy = "give -proto_dist once: of several OTP 25 takes none, and OTP 27 the first"
			}
		}
		f.Try = "ss -ltn in the pod's network namespace: the port is bound to an IPv4 address"
	}
}
