package objects

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Proxy is a service mesh whose proxy stands between w's nodes.
type Proxy struct {
	Mesh string // "Istio", "Linkerd"
	Why  string // what shows it: "label istio-injection of Namespace shop"
}

// mesh is how a service mesh is told where to put its proxy, and which ports it leaves alone.
type mesh struct {
	name, container string
	// inject is the key on a pod, as label or annotation; onNamespace those on a namespace.
	inject      string
	onNamespace []string
	// excluded are the annotations with the ports that must not go through the proxy, for both directions.
	excluded []string
	// told is where it is said what the proxy does.
	told string
	// opaque is the annotation with the ports that it passes on as they are.
	opaque string
}

var meshes = []mesh{
	{"Istio", "istio-proxy", "sidecar.istio.io/inject", []string{"istio-injection", "istio.io/rev"},
		[]string{"traffic.sidecar.istio.io/excludeInboundPorts", "traffic.sidecar.istio.io/excludeOutboundPorts"},
		"https://github.com/istio/istio/issues/6029, of 2018", ""},
	{"Linkerd", "linkerd-proxy", "linkerd.io/inject", []string{"linkerd.io/inject"},
		[]string{"config.linkerd.io/skip-inbound-ports", "config.linkerd.io/skip-outbound-ports"},
		"https://linkerd.io/2/features/protocol-detection/: it may wait 10 s for the first bytes to see what a connection is", "config.linkerd.io/opaque-ports"},
	{"Consul", "consul-dataplane", "consul.hashicorp.com/connect-inject", nil,
		[]string{"consul.hashicorp.com/transparent-proxy-exclude-inbound-ports", "consul.hashicorp.com/transparent-proxy-exclude-outbound-ports"},
		"https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels, of the transparent proxy of Consul since 1.10", ""},
	{"Kuma", "kuma-sidecar", "kuma.io/sidecar-injection", []string{"kuma.io/sidecar-injection"},
		[]string{"traffic.kuma.io/exclude-inbound-ports", "traffic.kuma.io/exclude-outbound-ports"},
		"https://developer.konghq.com/mesh/annotations, of Kong Mesh 2.11, and https://github.com/kumahq/kuma/pull/1046", ""},
}

// Proxied is the service mesh of w's pods, nil where the manifests show none.
func (m *Manifests) Proxied(w *manifest.Workload) *Proxy {
	for _, x := range meshes {
		for _, of := range []struct {
			what string
			has  map[string]string
		}{{"annotation", w.Template.Annotations}, {"label", w.Labels()}} {
			switch of.has[x.inject] {
			case "true", "enabled", "ingress":
				return &Proxy{x.name, of.what + " " + x.inject + " of the pods"}
			case "false", "disabled":
				return nil
			}
		}
		for _, key := range x.onNamespace {
			if v := w.Labels()[key]; v != "" && v != "disabled" && v != "false" {
				return &Proxy{x.name, "label " + key + " of the pods"}
			}
		}
		for _, c := range w.Containers(manifest.Main, manifest.Sidecar) {
			if c.Name == x.container {
				return &Proxy{x.name, "container " + c.Name}
			}
		}
		for _, d := range m.Of("Namespace") {
			n, is := d.Object.(*corev1.Namespace)
			if !is || w.Namespace != "" && w.Namespace != d.Name {
				continue
			}
			for _, key := range x.onNamespace {
				for what, has := range map[string]map[string]string{"label": n.Labels, "annotation": n.Annotations} {
					if v := has[key]; v != "" && v != "disabled" && v != "false" {
						return &Proxy{x.name, what + " " + key + " of " + d.String()}
					}
				}
			}
		}
	}
	return nil
}

// Passes reports whether the proxy is told about the port: left out for both directions, passed on as it is, or declared in a Service of
// the pods, by which the proxy knows that it is TCP and where it leads.
func (m *Manifests) Passes(w *manifest.Workload, p *Proxy, port int) bool {
	x := meshes[slices.IndexFunc(meshes, func(x mesh) bool { return x.name == p.Mesh })]
	has := func(annotation string) bool { return lists(w.Template.Annotations[annotation], port) }
	if !slices.ContainsFunc(x.excluded, func(a string) bool { return !has(a) }) || x.opaque != "" && has(x.opaque) {
		return true
	}
	return slices.ContainsFunc(m.Services(), func(s *manifest.Service) bool {
		return s.Selects(w.Labels()) && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			target := w.TargetPort(p.TargetPort)
			return target == port || target == 0 && int(p.Port) == port
		})
	})
}

// Told is where it is said what the proxy does with connections of which it was not told.
func (p *Proxy) Told() string {
	return meshes[slices.IndexFunc(meshes, func(x mesh) bool { return x.name == p.Mesh })].told
}

// Leaves is the annotation, or both, by which the proxy leaves ports alone.
func (p *Proxy) Leaves() []string {
	return meshes[slices.IndexFunc(meshes, func(x mesh) bool { return x.name == p.Mesh })].excluded
}

// lists reports whether a list of ports and ranges has the port: "4369,9100-9110", "*".
func lists(list string, port int) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		first, last, ranged := strings.Cut(strings.TrimSpace(one), "-")
		from, err := strconv.Atoi(first)
		to := from
		if ranged {
			to, _ = strconv.Atoi(last)
		}
		return first == "*" || err == nil && from <= port && port <= to
	})
}
