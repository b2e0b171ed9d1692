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
		Why:    "With dist_auto_connect once, a lost peer is not connected again until one of the two nodes restarts; with never, each connection must be made explicitly.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (dist_auto_connect)",
		Causes: check.Alike(check.NeedsLinks(), "once", "never"),
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachKernel(v, func(p *view.Pod, k *recording.Kernel, f *check.Finding) {
				if k.AutoConnect == "once" || k.AutoConnect == "never" {
					f.Fail(k.AutoConnect, fmt.Sprintf("%s (%s) has dist_auto_connect %s: it does not reconnect automatically to a peer that it has lost", k.Node, p.Name, k.AutoConnect),
						"remove dist_auto_connect from sys.config and from the command line")
				}
			})
		},
	}
}
