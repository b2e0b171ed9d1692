package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestHostNetwork() check.Check {
	return check.Check{
		ID: "manifest/host-network", Title: "does not use the host network", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "Pods with hostNetwork share the epmd and the ports of their Kubernetes node: a second pod there cannot use the distribution port, and everybody who can reach the Kubernetes node can reach epmd.",
		Source: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
		Causes: map[string][]string{"shared": check.From(check.DNS, "pods/*")},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if w.Pod().HostNetwork {
					f.Fail("shared", fmt.Sprintf("the pods of %s use hostNetwork: two of them on one Kubernetes node cannot both use port %d", w, v.Profile.EPMDPort), "remove hostNetwork: true from the pod template")
				}
			})
		},
	}
}
