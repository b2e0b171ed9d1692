package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestMeshProxy(t *testing.T) {
	annotated := func(annotations string) func(s *rt.Recording) {
		return rewrite("Deployment", `"metadata":{"labels":{"app":"derl"}}`, `"metadata":{"labels":{"app":"derl"},"annotations":{`+annotations+`}}`)
	}
	const inject = `"sidecar.istio.io/inject":"true"`
	undeclared := rewrite("Service", `"ports":[{"name":"epmd","port":4369},{"name":"dist","port":10000}]`, `"ports":[{"name":"http","port":80}]`)
	namespace := func(meta string) func(s *rt.Recording) {
		return object("Namespace", "prod", `{"apiVersion":"v1","metadata":{"name":"prod",`+meta+`}}`)
	}
	skips := []want{{deployment, check.NotApplicable, "", []string{"nothing in the manifests puts the proxy"}}}
	try(t, "manifest/mesh-proxy", slices.Concat([]trial{
		{"none", func(*rt.Recording) {}, skips},
		{"Istio, and the Service declares both", annotated(inject), thePass},
		{"Istio, and nothing says so", all(annotated(inject), undeclared), fails("not-declared", "annotation sidecar.istio.io/inject of the pods", "epmd (4369) and distribution (10000)", "excludeInboundPorts", `"4369,10000"`, "istio/issues/6029")},
		{"Istio, left alone in one direction", all(annotated(inject+`,"traffic.sidecar.istio.io/excludeInboundPorts":"4369,10000"`), undeclared), fails("not-declared")},
		{"Istio, left alone", all(annotated(inject+`,"traffic.sidecar.istio.io/excludeInboundPorts":"4369, 9999-10001","traffic.sidecar.istio.io/excludeOutboundPorts":"4369,10000"`), undeclared), thePass},
		{"Istio in the namespace", all(namespace(`"labels":{"istio-injection":"enabled"}`), undeclared), fails("not-declared", "label istio-injection of Namespace prod")},
		{"Istio in the namespace, and not in these pods", all(namespace(`"labels":{"istio-injection":"enabled"}`), annotated(`"sidecar.istio.io/inject":"false"`), undeclared), skips},
		{"Istio, as a native sidecar", all(podField(`"initContainers":[{"name":"istio-proxy","restartPolicy":"Always"}]`), undeclared), fails("not-declared", "container istio-proxy")},
		{"a revision of Istio", all(rewrite("Deployment", `"metadata":{"labels":{"app":"derl"}}`, `"metadata":{"labels":{"app":"derl","istio.io/rev":"stable"}}`), undeclared), fails("not-declared", "label istio.io/rev of the pods")},
		{"Consul", all(annotated(`"consul.hashicorp.com/connect-inject":"true"`), undeclared), fails("not-declared", "Consul", "transparent-proxy-exclude-inbound-ports", "Consul since 1.10")},
		{"Kuma in the namespace", all(namespace(`"labels":{"kuma.io/sidecar-injection":"enabled"}`), undeclared), fails("not-declared", "Kuma", "traffic.kuma.io/exclude-inbound-ports")},
		{"Kuma, left alone", all(annotated(`"kuma.io/sidecar-injection":"enabled","traffic.kuma.io/exclude-inbound-ports":"4369,10000","traffic.kuma.io/exclude-outbound-ports":"4369,10000"`), undeclared), thePass},
		{"Linkerd", all(annotated(`"linkerd.io/inject":"enabled"`), undeclared), fails("not-declared", "Linkerd", "protocol-detection")},
		{"Linkerd in the namespace", all(namespace(`"annotations":{"linkerd.io/inject":"enabled"}`), undeclared), fails("not-declared", "annotation linkerd.io/inject of Namespace prod")},
		{"Linkerd, as they are", all(annotated(`"linkerd.io/inject":"enabled","config.linkerd.io/opaque-ports":"4369,10000"`), undeclared), thePass},
	}, unreadable()))
}
