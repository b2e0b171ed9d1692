package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distTLSEverywhere() check.Check {
	return check.Check{
		ID: "dist/tls-everywhere", Title: "uses TLS for distribution on all nodes or on none", Rung: check.Dist, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A node with TLS and a node without it cannot connect: each closes the connection, and neither says why. One waits for bytes that do not come, the other logs a TLS alert.",
		Source: "https://www.erlang.org/doc/apps/ssl/ssl_distribution.html",
		Causes: map[string][]string{"mixed": check.NeedsListener()},
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			usual := evidence.MostCommon(pods, transport)
			if len(pods) > 0 && !evidence.AnyTLS(pods) {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: evidence.NoTLS}}
			}
			return check.EachPod(v, func(p *view.Pod) check.Finding {
				f := check.Finding{Subject: check.OnPod(p), Of: check.Images(v), Outcome: check.Pass}
				f.At, f.Reads = spoke(p)
				switch mine := transport(p); {
				case mine == "":
					f.Outcome, f.Message = check.Unseen, "whether "+p.Name+" uses TLS for distribution is not known"
				case mine != usual:
					f.Fail("mixed", fmt.Sprintf("%s uses distribution %s, but %s use it %s: they cannot connect to each other", p.Name, mine, evidence.PodsWith(pods, transport, usual), usual),
						"give all nodes the same -proto_dist: inet_tls with certificates on all of them, or on none")
					if vm := p.VM(); vm != nil {
						f.Seen = evidence.CommandLine(vm, "-proto_dist")
						f.Try = evidence.ShowCommandLine(v, p, vm.NSPID)
					}
				}
				return f
			})
		},
	}
}

// spoke is when it was last seen how the pod's node speaks distribution, and by what ([view.Pod.OverTLS]).
func spoke(p *view.Pod) (time.Duration, []recording.Kind) {
	for _, seen := range []struct {
		by   recording.Kind
		list []recording.Event
	}{{recording.KindVM, p.VMs}, {recording.KindCertificate, p.Certificates}} {
		if n := len(seen.list); n > 0 && (seen.by != recording.KindVM || len(p.VM().Args) > 0) {
			return seen.list[n-1].T, []recording.Kind{recording.KindPod, seen.by}
		}
	}
	if n := len(p.ToDist); n > 0 {
		return p.ToDist[n-1].T, []recording.Kind{recording.KindPod, recording.KindDist}
	}
	return 0, nil
}

// transport is how the pod's node transports distribution, "" if that is not known.
func transport(p *view.Pod) string {
	switch over, known := p.OverTLS(); {
	case !known:
		return ""
	case over:
		return "over TLS"
	default:
		return "without TLS"
	}
}
