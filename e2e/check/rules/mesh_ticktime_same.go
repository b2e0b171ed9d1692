package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshTicktimeSame() check.Check {
	return check.Check{
		ID: "mesh/ticktime-same", Title: "uses the same net_ticktime on all nodes", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindKernel},
		Why:    "A node with a shorter net_ticktime than its peer closes the connection while the peer is still within its own tick interval. A node with a longer one notices dead peers later than all others.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_ticktime)",
		Causes: map[string][]string{"differs": {"mesh/stable", "mesh/links-*"}},
		Judge: func(v *view.View) []check.Finding {
			return evidence.SameSetting(v, "net_ticktime", func(k *recording.Kernel) string {
				if k.TickTime == 0 {
					return ""
				}
				return fmt.Sprintf("%.0f s", k.TickTime.Seconds())
			})
		},
	}
}
