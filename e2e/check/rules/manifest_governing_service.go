package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestGoverningService() check.Check {
	return check.Check{
		ID: "manifest/governing-service", Title: "has the governing Service that its StatefulSet names", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		// Kubernetes promises these names of headless Services only; CoreDNS gives them for others, too (seen; its plugin kubernetes
		// answers for any endpoint that has a host name), so a cluster IP is no fault here. service/headless is about the Service's own.
		Why:    "The names POD.SERVICE.NAMESPACE.svc of a StatefulSet's pods exist only under the Service that serviceName names.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id",
		Causes: check.Alike(check.From(check.Service), "no-name", "names-nothing"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if w.Kind != "StatefulSet" {
					f.Skip(w.String() + " is not a StatefulSet: its pods have no DNS names of their own")
					return
				}
				name := w.ServiceName
				s := m.Service(w.Namespace, name)
				switch {
				case s == nil && v.MeansNoMesh():
					f.Skip("no Service governs " + w.String() + ", and the profile expects no connections between nodes")
				case name == "":
					f.Fail("no-name", fmt.Sprintf("%s has no serviceName, so its pods have no DNS names", w), "set serviceName to the name of a Service with clusterIP: None")
				case s == nil:
					f.Fail("names-nothing", fmt.Sprintf("serviceName of %s is %s, but the manifests have no such Service%s", w, name, instead(m)),
						"add a Service "+name+" with clusterIP: None, or set serviceName to a Service that exists")
				}
			})
		},
	}
}

// instead names the Services that exist.
func instead(m *objects.Manifests) string {
	var names []string
	for _, s := range m.Services() {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; they have " + check.List(names)
}
