package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshConnectsAll() check.Check {
	return check.Check{
		ID: "mesh/connects-all", Title: "connects each node to every node that its peers know (connect_all)", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindKernel},
		Why:    "With connect_all false, a node connects only to the peers that its own discovery finds; a link is missing wherever one round missed a peer.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (connect_all)",
		Causes: map[string][]string{"partial": check.NeedsLinks()},
		Judge: evidence.ForFullMesh(func(v *view.View) []check.Finding {
			return evidence.EachKernel(v, func(p *view.Pod, k *recording.Kernel, f *check.Finding) {
				if k.ConnectAll == "false" {
					f.Fail("partial", fmt.Sprintf("%s (%s) has connect_all false: it does not connect to the peers of its peers", k.Node, p.Name),
						"remove connect_all false from the command line or sys.config; if the mesh is meant to be partial, set expect: {topology: component} in the profile")
				}
			})
		}),
	}
}
