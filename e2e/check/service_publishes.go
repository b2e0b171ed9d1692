package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func servicePublishes() Check {
	return Check{
		ID: "service/publishes-not-ready", Title: "has its pods' names in DNS before they are ready", Rung: Service, Level: Advice, Scenario: "formation", Static: true,
		Why:    "Nodes that are named after their pods' DNS names reach each other only by them. Where a pod gets its name when it is ready, and is ready when it has peers, all wait for each other.",
		Source: "https://github.com/vernemq/docker-vernemq/issues/265",
		Causes: map[string][]string{"hidden-until-ready": NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				s := m.named(w.Spec.ServiceName)
				switch {
				case w.Kind != "StatefulSet" || !m.namedByDNS(w):
					f.skip("the nodes of " + w.String() + " are not named after DNS names")
				case s == nil:
					f.skip("no Service governs " + w.String())
				case !s.Spec.PublishNotReady:
					for i := range w.Spec.Template.Spec.Containers {
						c := &w.Spec.Template.Spec.Containers[i]
						if c.Readiness == nil || c.Readiness.Exec == nil && c.Readiness.HTTPGet == nil {
							continue
						}
						f.fail("hidden-until-ready", fmt.Sprintf("Service %s lists the pods of %s only when they are ready, and the readiness probe of container %s asks the application, which may wait for its peers", s.Metadata.Name, w, c.Name),
							"in Service "+s.Metadata.Name+": publishNotReadyAddresses: true")
					}
				}
			})
		},
	}
}

// namedByDNS reports whether w's node names have a Service's name in them.
func (m *manifests) namedByDNS(w *workload) bool {
	for _, p := range m.places(w) {
		name, _ := nameIn(p)
		ofPod := strings.Contains(p.text, "POD_NAME") || strings.Contains(p.text, "HOSTNAME")
		if strings.Contains(name, ".svc") || ofPod && strings.Contains(p.text, ".svc") {
			return true
		}
	}
	return false
}
