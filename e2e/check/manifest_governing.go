package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func manifestGoverning() Check {
	return Check{
		ID: "manifest/governing-service", Title: "has a Service that governs its StatefulSet", Rung: Manifest, Level: Required, Scenario: "formation",
		// Kubernetes promises these names of headless Services only; CoreDNS gives them for others, too (seen; its plugin kubernetes
		// answers for any endpoint that has a host name), so a cluster IP is no fault here. service/headless is about the Service's own.
		Why:    "The names POD.SERVICE.NAMESPACE.svc of a StatefulSet's pods exist only under the Service that serviceName names.",
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id",
		Causes: Alike(From(Service), "no-name", "names-nothing"),
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				if w.Kind != "StatefulSet" {
					f.skip(w.String() + " is no StatefulSet: its pods have no names in DNS")
					return
				}
				name := w.Spec.ServiceName
				s := m.named(name)
				switch {
				case s == nil && v.MeansNoMesh():
					f.skip("no Service governs " + w.String() + ", and the profile means each node to be alone")
				case name == "":
					f.fail("no-name", fmt.Sprintf("%s has no serviceName: its pods have no names in DNS", w), "serviceName: NAME of a Service with clusterIP: None")
				case s == nil:
					f.fail("names-nothing", fmt.Sprintf("serviceName of %s is %s, and there is no such Service among the manifests%s", w, name, instead(m)),
						"add a Service "+name+" with clusterIP: None, or set serviceName to the one that is there")
				}
			})
		},
	}
}

// instead names the Services that there are.
func instead(m *manifests) string {
	var names []string
	for i := range m.services {
		names = append(names, m.services[i].Metadata.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; there is " + list(names)
}
