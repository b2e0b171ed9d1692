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
		Why:    "A visible probe takes part in global's partition handling: one that comes and goes can tear the mesh that it looks at. What was seen then is the harness's own doing.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags (DFLAG_PUBLISHED)",
		Causes: map[string][]string{"probe-visible": nil},
		Judge: func(v *view.View) []check.Finding {
			visible := evidence.VisibleProbes(v)
			return check.EachPod(v, func(p *view.Pod) check.Finding {
				f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
				switch name := visible[p]; {
				case name != "":
					f.Outcome, f.Code = check.Unseen, "probe-visible"
					f.Message = fmt.Sprintf("%s counts our own probe %s as a peer: the harness disturbs what it looks at, and no verdict about the mesh holds", evidence.NodeOrPod(p), name)
				case len(p.Nodes) == 0:
					f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("the node of %s was never asked whom it sees", p.Name)
				default:
					f.At = p.Nodes[len(p.Nodes)-1].T
				}
				return f
			})
		},
	}
}
