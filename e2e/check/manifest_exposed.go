package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func manifestExposed() Check {
	return Check{
		ID: "manifest/not-exposed", Title: "keeps epmd and the distribution port inside the cluster", Rung: Manifest, Level: Required, Scenario: "formation",
		Why:    "Distribution is remote code execution behind nothing but a cookie, in plain text. A LoadBalancer, a NodePort or a hostPort opens it to everybody who reaches the hosts.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: map[string][]string{"by-service": nil, "by-host-port": nil},
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				if port := w.hostPort(v); port != 0 {
					f.fail("by-host-port", fmt.Sprintf("%s opens port %d on its hosts (hostPort)", w, port), "remove the hostPort: peers use the pods' own addresses")
				}
				for i := range m.services {
					s := &m.services[i]
					if s.Spec.Type != "LoadBalancer" && s.Spec.Type != "NodePort" || !covers(w.labels(), s.Spec.Selector) {
						continue
					}
					for _, p := range s.Spec.Ports {
						if port := target(w, p.Port, p.TargetPort); distribution(v, port) {
							f.fail("by-service", fmt.Sprintf("Service %s (%s) opens port %d of %s to the outside", s.Metadata.Name, s.Spec.Type, port, w),
								"take the port out of that Service; peers need a headless one only")
							f.Try = kubectl(v, "get service "+s.Metadata.Name+" -o wide")
						}
					}
				}
			})
		},
	}
}

// distribution reports whether the port is epmd's or the declared distribution port.
func distribution(v *view.View, port int) bool {
	return port != 0 && (port == v.Profile.EPMDPort || port == v.Profile.DistPort)
}

func (w *workload) hostPort(v *view.View) int {
	for _, c := range w.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.HostPort != 0 && distribution(v, p.ContainerPort) {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// target is the container port behind a Service's port: a number, the name of a container's port, or the port itself.
func target(w *workload, port int, t any) int {
	switch t := t.(type) {
	case float64:
		return int(t)
	case string:
		return w.port(t)
	default:
		return port
	}
}

// port is the number of the container port of that name, or 0.
func (w *workload) port(name string) int {
	for _, c := range w.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort
			}
		}
	}
	return 0
}
