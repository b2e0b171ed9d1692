package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func servicePublishesNotReady() check.Check {
	return check.Check{
		ID: "service/publishes-not-ready", Title: "publishes DNS records for pods that are not ready", Rung: check.Service, Level: check.Advice, Scenario: "formation", Static: true,
		Why:    "Nodes whose names contain DNS names of pods need these DNS records to reach each other. If a pod has a record only when it is ready, and is ready only when it has peers, all pods wait for each other.",
		Source: "https://github.com/vernemq/docker-vernemq/issues/265",
		Causes: map[string][]string{"hidden-until-ready": check.NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				s := m.Service(w.Namespace, w.ServiceName)
				switch {
				case w.Kind != "StatefulSet" || !namedByDNS(m, w):
					f.Skip("the node names of " + w.String() + " do not contain DNS names of pods")
				case s == nil:
					f.Skip("no Service governs " + w.String())
				case !s.PublishesNotReady():
					for _, c := range w.Containers(manifest.Main) {
						if c.ReadinessProbe == nil || c.ReadinessProbe.Exec == nil && c.ReadinessProbe.HTTPGet == nil {
							continue
						}
						f.Fail("hidden-until-ready", fmt.Sprintf("Service %s publishes the pods of %s only when they are ready, and the readiness probe of container %s depends on the application, which may wait for its peers", s.Name, w, c.Name),
							"set spec.publishNotReadyAddresses: true in Service "+s.Name)
					}
				}
			})
		},
	}
}

// namedByDNS reports whether w's node names contain a Service's name.
func namedByDNS(m *objects.Manifests, w *manifest.Workload) bool {
	for _, n := range m.Names(w) {
		if strings.Contains(n.Written, ".svc") || strings.Contains(n.Value, ".svc") {
			return true
		}
	}
	for _, p := range m.Places(w) {
		ofPod := strings.Contains(p.Text, "POD_NAME") || strings.Contains(p.Text, "HOSTNAME")
		if ofPod && strings.Contains(p.Text, ".svc") {
			return true
		}
	}
	return false
}
