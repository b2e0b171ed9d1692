package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestMeshProxy() check.Check {
	return check.Check{
		ID: "manifest/mesh-proxy", Title: "tells the proxy of a service mesh about epmd and distribution", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "A proxy in the pod takes all its connections, those between nodes too. It knows what to do with a port from a Service that declares it, or is told to leave it alone. Reported for Istio in 2018: epmd does not list the pod's own node. None of this was tried here.",
		Source: "https://github.com/istio/istio/issues/6029",
		Causes: map[string][]string{"not-declared": check.NeedsEPMD()},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				p := m.Proxied(w)
				if p == nil {
					f.Skip("nothing in the manifests puts the proxy of a service mesh into the pods of " + w.String())
					return
				}
				var missing, numbers []string
				for _, n := range needed(v, m, w) {
					if !m.Passes(w, p, n.number) {
						missing, numbers = append(missing, fmt.Sprintf("%s (%d)", n.what, n.number)), append(numbers, fmt.Sprint(n.number))
					}
				}
				if len(missing) == 0 {
					return
				}
				f.Fail("not-declared", fmt.Sprintf("%s puts its proxy into the pods of %s (%s), and no Service of theirs declares the port of %s, nor is it left alone", p.Mesh, w, p.Why, check.List(missing)),
					fmt.Sprintf("declare it in the headless Service ({name: tcp-…, port: …}), or set on the pods the annotations %s: %q", check.List(p.Leaves()), strings.Join(numbers, ",")), "said in "+p.Told())
			})
		},
	}
}
