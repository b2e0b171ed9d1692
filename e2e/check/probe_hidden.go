package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func probeHidden() Check {
	return Check{
		ID: "probe/hidden", Title: "is looked at by a probe that no node counts as a peer", Rung: Probe, Level: Required, Scenario: "formation",
		Why:    "A visible probe takes part in global's partition handling: one that comes and goes can tear the mesh that it looks at. What was seen then is the harness's own doing.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags (DFLAG_PUBLISHED)",
		Causes: map[string][]string{"probe-visible": nil},
		Judge: func(v *view.View) []Finding {
			visible := visibleProbes(v)
			return eachMember(v, func(p *view.Pod) Finding {
				f := Finding{Subject: onPod(p), Outcome: Pass}
				switch name := visible[p]; {
				case name != "":
					f.Outcome, f.Code = Unseen, "probe-visible"
					f.Message = fmt.Sprintf("%s counts our own probe %s as a peer: the harness disturbs what it looks at, and no verdict about the mesh holds", orName(p), name)
				case len(p.Nodes) == 0:
					f.Outcome, f.Message = NotApplicable, fmt.Sprintf("the node of %s was never asked whom it sees", p.Name)
				default:
					f.At = p.Nodes[len(p.Nodes)-1].T
				}
				return f
			})
		},
	}
}

// visibleProbes are the pods whose node ever counted a probe of ours as a visible peer, each with the probe's name. A node
// of the workload that gave itself such a name is none.
func visibleProbes(v *view.View) map[*view.Pod]string {
	own := map[string]bool{}
	for _, p := range v.Pods() {
		own[p.Node()] = true
	}
	all := map[*view.Pod]string{}
	for _, p := range v.Pods() {
		for _, n := range p.LocalPeers() {
			if !own[n] && all[p] == "" {
				all[p] = n
			}
		}
	}
	return all
}

// undisturbed makes what a check finds about the mesh unseen where our own probe was part of it.
func undisturbed(judge func(v *view.View) []Finding) func(v *view.View) []Finding {
	return func(v *view.View) []Finding {
		if visible := visibleProbes(v); len(visible) > 0 {
			return []Finding{{Subject: onWorkload(v), Outcome: Unseen, Message: fmt.Sprintf("%d nodes counted our own probe as a peer: what the mesh would be without it was not seen", len(visible))}}
		}
		return judge(v)
	}
}
