package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdReachable() check.Check {
	return check.Check{
		ID: "epmd/reachable", Title: "has an epmd in each pod that every peer can reach", Rung: check.EPMD, Level: check.Required, Scenario: "formation", Settles: true,
		Reads: []recording.Kind{recording.KindPod, recording.KindEPMD}, Needs: []string{recording.PeerDials},
		Why:    "A peer asks epmd on port 4369 for the distribution port before it can connect. Without an answer no peer can connect to that node.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol",
		Causes: check.Alike(check.NeedsEPMD(), append(evidence.UnreachedCodes(), "loopback-only", "other-family")...),
		Judge: func(v *view.View) []check.Finding {
			if v.EPMDLess() {
				return evidence.WithoutEPMD(v)
			}
			return check.EachPair(v, func(q *view.Pod) []view.Dial { return q.ToEPMD }, epmdDialled)
		},
	}
}

func epmdDialled(q *view.Pod, _ []view.Dial) func(p *view.Pod, d *view.Dial) check.Finding {
	l, gone := evidence.RegistrationLost(q)
	return func(p *view.Pod, d *view.Dial) check.Finding {
		f := check.Finding{Subject: check.OnPair(p, q)}
		switch {
		case d == nil:
			f.Outcome, f.Message = check.Unseen, fmt.Sprintf("epmd of %s was not asked from %s", q.Name, p.Name)
			return f
		case gone && l.Closed && d.Outcome() == recording.Refused:
			f.Outcome = check.NotApplicable
			f.Message = fmt.Sprintf("epmd of %s answered until %.1f s and has stopped since: see epmd/name-registered, the node has lost its registration", q.Name, l.Last.Seconds())
		default:
			evidence.Unreached(&f, "epmd on "+d.Addr(), p, d.Outcome(), d.Detail())
			evidence.ExplainRefused(&f, q, d.Addr(), d.T)
			switch f.Code {
			case "loopback-only":
				f.Remedy = "unset ERL_EPMD_ADDRESS, or give it the pod's address (ERL_EPMD_ADDRESS=$POD_IP; epmd adds the loopback by itself)"
				f.Try = "ss -ltn in the pod's network namespace: 4369 is bound to a loopback address"
			case "other-family":
				f.Remedy = "unset ERL_EPMD_ADDRESS, or give it the pod's address (ERL_EPMD_ADDRESS=$POD_IP): epmd then listens on IPv6, too"
				f.Try = "ss -ltn in the pod's network namespace: 4369 is bound to an IPv4 address"
			}
		}
		f.At = d.T
		return f
	}
}
