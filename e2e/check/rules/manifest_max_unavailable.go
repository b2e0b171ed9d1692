package rules

import (
	"fmt"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestMaxUnavailable() check.Check {
	return check.Check{
		ID: "manifest/max-unavailable", Title: "keeps nodes running during a rolling update", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "Where an update may take all pods at once, nothing is left that a new node could join: what lives only in the cluster's memory is lost at every deploy.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable",
		Causes: map[string][]string{"all-at-once": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(_ *objects.Manifests, w *objects.Workload, f *check.Finding) {
				most, said := unavailableAtOnce(w)
				if n := w.Replicas(); n > 1 && said != "" && most >= n {
					f.Fail("all-at-once", fmt.Sprintf("a rolling update of %s may take %d of its %d pods at once (maxUnavailable: %s)", w, min(most, n), n, said), "maxUnavailable: 1")
				}
			})
		},
	}
}

// unavailableAtOnce is how many pods a rolling update may take at once, and what the manifest says of it, "" where it is
// silent. A Deployment rounds a percentage down, a StatefulSet up.
func unavailableAtOnce(w *objects.Workload) (n int, said string) {
	s, up := w.Spec.Strategy, 0
	if w.Kind != "Deployment" {
		s, up = w.Spec.UpdateStrategy, 99
	}
	switch m := s.RollingUpdate.MaxUnavailable.(type) {
	case float64:
		return int(m), strconv.Itoa(int(m))
	case string:
		percent, err := strconv.Atoi(strings.TrimSuffix(m, "%"))
		if err != nil {
			return 0, ""
		}
		return (w.Replicas()*percent + up) / 100, m
	default:
		return 0, ""
	}
}
