package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestNotExposed(t *testing.T) {
	exposed := func(spec string) func(s *rt.Recording) {
		return object("Service", "front", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"front"},"spec":{`+spec+`}}`)
	}
	try(t, "manifest/not-exposed", []trial{
		{"not recorded", func(s *rt.Recording) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", nil}}},
		{"a load balancer", exposed(`"type":"LoadBalancer","selector":{"app":"derl"},"ports":[{"port":80,"targetPort":"epmd"}]`), fails("by-service", "Service front (LoadBalancer)", "4369")},
		{"a node port", exposed(`"type":"NodePort","selector":{"app":"derl"},"ports":[{"port":10000}]`), fails("by-service", "front", "10000")},
		{"a number", exposed(`"type":"NodePort","selector":{"app":"derl"},"ports":[{"port":80,"targetPort":10000}]`), fails("by-service", "10000")},
		{"a host port", rewrite("Deployment", `"containerPort":4369`, `"containerPort":4369,"hostPort":4369`), fails("by-host-port", "4369")},
		{"the web only", exposed(`"type":"LoadBalancer","selector":{"app":"derl"},"ports":[{"port":80,"targetPort":8080}]`), nil},
		{"inside", exposed(`"selector":{"app":"derl"},"ports":[{"port":4369}]`), nil},
		{"somebody else's", exposed(`"type":"LoadBalancer","selector":{"app":"front"},"ports":[{"port":4369}]`), nil},
	})
}
