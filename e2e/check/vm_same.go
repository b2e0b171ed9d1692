package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmTickTime() Check {
	return Check{
		ID: "mesh/ticktime-same", Title: "has one net_ticktime everywhere", Rung: Mesh, Level: Latent, Scenario: "formation",
		Why:    "A node with a shorter tick time than its peer ends their connection while the peer is silent by right; with a longer one it believes in the dead for longer than all others.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_ticktime)",
		Causes: map[string][]string{"differs": {"mesh/stable", "mesh/links-*"}},
		Judge: func(v *view.View) []Finding {
			return sameSetting(v, "net_ticktime", func(k *recording.Kernel) string {
				if k.TickTime == 0 {
					return ""
				}
				return fmt.Sprintf("%.0f s", k.TickTime.Seconds())
			})
		},
	}
}

func vmPrevents() Check {
	return Check{
		ID: "mesh/partitions-prevented-same", Title: "handles overlapping partitions alike everywhere", Rung: Mesh, Level: Latent, Scenario: "formation",
		Why:    "When one link is lost, nodes that prevent overlapping partitions drop both ends and the others drop none: they end with views that no two of them share.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"differs": {"mesh/stable", "recovery/survivors-keep-links"}},
		Judge: func(v *view.View) []Finding {
			return sameSetting(v, "prevent_overlapping_partitions", func(k *recording.Kernel) string { return k.Prevents })
		},
	}
}

// sameSetting judges whether each node has the value that most have. A node that lacks the setting has no say.
func sameSetting(v *view.View, name string, of func(k *recording.Kernel) string) []Finding {
	value := func(p *view.Pod) string {
		if k := p.Kernel(); k != nil {
			return of(k)
		}
		return ""
	}
	pods := members(v)
	usual := most(pods, value)
	return eachKernel(v, func(p *view.Pod, k *recording.Kernel, f *Finding) {
		if mine := of(k); mine != "" && mine != usual {
			f.fail("differs", fmt.Sprintf("%s (%s) has %s %s, %s have %s", k.Node, p.Name, name, mine, having(pods, value, usual), usual),
				"set "+name+" to the same value in the sys.config of all nodes, and restart those that have an older one")
		}
	})
}
