package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmConnectsAll() Check {
	return Check{
		ID: "mesh/connects-all", Title: "completes the mesh from any one link", Rung: Mesh, Level: Latent, Scenario: "formation",
		Why:    "With connect_all false a node connects to those only that its discovery names; the mesh has a hole wherever one round missed a peer.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (connect_all)",
		Causes: map[string][]string{"partial": NeedsLinks()},
		Judge: forFullMesh(func(v *view.View) []Finding {
			return eachKernel(v, func(p *view.Pod, k *recording.Kernel, f *Finding) {
				if k.ConnectAll == "false" {
					f.fail("partial", fmt.Sprintf("%s (%s) has connect_all false: it does not connect to the peers of its peers", k.Node, p.Name),
						"take connect_all false out of the command line, or say expect: {topology: component} in the profile if the mesh is meant to be partial")
				}
			})
		}),
	}
}
