package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshAutoConnect() check.Check {
	return check.Check{
		ID: "mesh/auto-connect", Title: "lets nodes connect and reconnect automatically", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindKernel},
		Why:    "With dist_auto_connect once a peer that was lost is never connected again until its node restarts; with never, each connection waits for somebody to make it.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (dist_auto_connect)",
		Causes: check.Alike(check.NeedsLinks(), "once", "never"),
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachKernel(v, func(p *view.Pod, k *recording.Kernel, f *check.Finding) {
				if k.AutoConnect == "once" || k.AutoConnect == "never" {
					f.Fail(k.AutoConnect, fmt.Sprintf("%s (%s) has dist_auto_connect %s: a peer that it loses does not come back by itself", k.Node, p.Name, k.AutoConnect),
						"take dist_auto_connect out of sys.config and of the command line")
				}
			})
		},
	}
}
