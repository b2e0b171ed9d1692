package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmAutoConnect() Check {
	return Check{
		ID: "mesh/auto-connect", Title: "lets its nodes connect by themselves, and again", Rung: Mesh, Level: Latent, Scenario: "formation",
		Why:    "With dist_auto_connect once a peer that was lost is never connected again until its node restarts; with never, each connection waits for somebody to make it.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (dist_auto_connect)",
		Causes: Alike(NeedsLinks(), "once", "never"),
		Judge: func(v *view.View) []Finding {
			return eachKernel(v, func(p *view.Pod, k *recording.Kernel, f *Finding) {
				if k.AutoConnect == "once" || k.AutoConnect == "never" {
					f.fail(k.AutoConnect, fmt.Sprintf("%s (%s) has dist_auto_connect %s: a peer that it loses does not come back by itself", k.Node, p.Name, k.AutoConnect),
						"take dist_auto_connect out of sys.config and of the command line")
				}
			})
		},
	}
}
