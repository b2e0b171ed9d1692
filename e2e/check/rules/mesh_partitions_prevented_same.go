package rules

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshPartitionsPreventedSame() check.Check {
	return check.Check{
		ID: "mesh/partitions-prevented-same", Title: "uses the same prevent_overlapping_partitions setting on all nodes", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindKernel},
		Why:    "When one link is lost, nodes with prevent_overlapping_partitions disconnect both of its ends, and nodes without it keep them: the views of the nodes then differ from each other.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"differs": {"mesh/stable", "recovery/survivors-keep-links"}},
		Judge: func(v *view.View) []check.Finding {
			return evidence.SameSetting(v, "prevent_overlapping_partitions", func(k *recording.Kernel) string { return k.Prevents })
		},
	}
}
