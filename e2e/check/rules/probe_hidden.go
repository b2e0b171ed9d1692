package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func probeHidden() check.Check {
	return check.Check{
		ID: "probe/hidden", Title: "harness: no node counts the probe as a peer", Rung: check.Probe, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A visible probe takes part in the partition handling of global: a probe that comes and goes can break the mesh that it observes. Then the harness itself causes what it sees.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags (DFLAG_PUBLISHED)",
		Causes: map[string][]string{"probe-visible": nil},
		Judge: func(v *view.View) []check.Finding {
			visible := evidence.VisibleProbes(v)
			return check.EachPod(v, func(p *view.Pod) check.Finding {
				f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
				switch name := visible[p]; {
				case name != "":
					f.Outcome, f.Code = check.Unseen, "probe-visible"
					f.Message = fmt.Sprintf("nodes() of %s contains our own probe %s: the harness disturbs the mesh that it observes, so no verdict about the mesh is valid", evidence.NodeOrPod(p), name)
				case len(p.Nodes) == 0:
					f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("nodes() of the node of %s was never read", p.Name)
				default:
					f.At = p.Nodes[len(p.Nodes)-1].T
				}
				return f
			})
		},
	}
}
