package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func distTLSEverywhere() Check {
	return Check{
		ID: "dist/tls-everywhere", Title: "speaks distribution over TLS on every node, or on none", Rung: Dist, Level: Required, Scenario: "formation",
		Why:    "A node that begins with a TLS handshake and one that begins with its name end each other's connections, and neither says why: the one waits for bytes that do not come, the other logs an alert.",
		Source: "https://www.erlang.org/doc/apps/ssl/ssl_distribution.html",
		Causes: map[string][]string{"mixed": NeedsListener()},
		Judge: func(v *view.View) []Finding {
			pods := members(v)
			usual := most(pods, speaks)
			if len(pods) > 0 && !anyTLS(pods) {
				return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: noTLS}}
			}
			return eachMember(v, func(p *view.Pod) Finding {
				f := Finding{Subject: onPod(p), Of: images(v), Outcome: Pass}
				switch mine := speaks(p); {
				case mine == "":
					f.Outcome, f.Message = Unseen, "how "+p.Name+" speaks distribution was not seen"
				case mine != usual:
					f.fail("mixed", fmt.Sprintf("%s speaks distribution %s, %s speak it %s: they end each other's connections", p.Name, mine, having(pods, speaks, usual), usual),
						"give all nodes the same -proto_dist: inet_tls on each, with certificates, or on none")
					if vm := p.VM(); vm != nil {
						f.Seen = commandLine(vm, "-proto_dist")
						f.Try = showArgs(v, p, vm.NSPID)
					}
				}
				return f
			})
		},
	}
}

// speaks is how the pod's node speaks distribution, "" where that is not known.
func speaks(p *view.Pod) string {
	switch over, known := p.OverTLS(); {
	case !known:
		return ""
	case over:
		return "over TLS"
	default:
		return "without TLS"
	}
}
