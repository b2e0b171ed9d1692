package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/intstr"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestMaxUnavailable() check.Check {
	return check.Check{
		ID: "manifest/max-unavailable", Title: "keeps nodes running during a rolling update", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "If a rolling update may stop all pods at once, no node remains that a new node could join: data that is only in the memory of the cluster is lost at every deploy.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable",
		Causes: map[string][]string{"all-at-once": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				most, said := unavailableAtOnce(m, w)
				if n := m.Replicas(w); n > 1 && said != "" && most >= n {
					f.Fail("all-at-once", fmt.Sprintf("a rolling update of %s may stop %d of its %d pods at once (maxUnavailable: %s)", w, min(most, n), n, said), "set maxUnavailable: 1 in its update strategy")
				}
			})
		},
	}
}

// unavailableAtOnce is how many pods a rolling update may stop at once, and the value in the manifest, "" if there is
// none. A Deployment rounds a percentage down, a StatefulSet up.
func unavailableAtOnce(m *objects.Manifests, w *manifest.Workload) (n int, said string) {
	most := w.Update.MaxUnavailable
	if most == nil {
		return 0, ""
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(most, m.Replicas(w), w.Kind != "Deployment")
	if err != nil {
		return 0, ""
	}
	return n, most.String()
}
