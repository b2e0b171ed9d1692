package rules

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestNotExposed() check.Check {
	return check.Check{
		ID: "manifest/not-exposed", Title: "keeps epmd and the distribution port inside the cluster", Rung: check.Manifest, Level: check.Required, Scenario: "formation",
		Why:    "Through distribution any code can be run on a node. It is protected only by the cookie, and not encrypted. A LoadBalancer, a NodePort or a hostPort opens it to everybody who can reach the Kubernetes nodes.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: map[string][]string{"by-service": nil, "by-host-port": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if port := hostPort(w, v); port != 0 {
					f.Fail("by-host-port", fmt.Sprintf("%s opens port %d on its Kubernetes nodes (hostPort)", w, port), "remove the hostPort: peers use the addresses of the pods")
				}
				for _, s := range m.Services() {
					if s.Spec.Type != corev1.ServiceTypeLoadBalancer && s.Spec.Type != corev1.ServiceTypeNodePort || !s.Selects(w.Labels()) {
						continue
					}
					for _, p := range s.Spec.Ports {
						if port := target(w, p); distribution(v, port) {
							f.Fail("by-service", fmt.Sprintf("Service %s (%s) opens port %d of %s to networks outside of the cluster", s.Name, s.Spec.Type, port, w),
								"remove the port from this Service; peers need only a headless Service")
							f.Try = objects.Kubectl(v, "get service "+s.Name+" -o wide")
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

// target is the container port behind a Service's port: the port itself if the Service has no targetPort.
func target(w *manifest.Workload, p corev1.ServicePort) int {
	if p.TargetPort == (intstr.IntOrString{}) {
		return int(p.Port)
	}
	return w.TargetPort(p.TargetPort)
}

func hostPort(w *manifest.Workload, v *view.View) int {
	for _, c := range w.Containers(manifest.Main) {
		for _, p := range c.Ports {
			if p.HostPort != 0 && distribution(v, int(p.ContainerPort)) {
				return int(p.ContainerPort)
			}
		}
	}
	return 0
}
