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
		Why:    "Pods in their host's network share its epmd and its ports: the second on a host cannot take the distribution port, and the node's epmd is open to whoever reaches the host.",
		Source: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
		Causes: map[string][]string{"shared": check.From(check.DNS, "pods/*")},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if w.Pod().HostNetwork {
					f.Fail("shared", fmt.Sprintf("the pods of %s use the network of their hosts: two on one host fight for port %d", w, v.Profile.EPMDPort), "remove hostNetwork: true")
				}
			})
		},
	}
}
