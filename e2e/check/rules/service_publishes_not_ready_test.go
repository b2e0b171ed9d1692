package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestServicePublishesNotReady(t *testing.T) {
	fqdn := args("foreground", "-name", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local")
	asks := rewrite("Deployment", `"readinessProbe":{"tcpSocket":{"port":"ready"}`, `"readinessProbe":{"httpGet":{"path":"/ready"}`)
	try(t, "service/publishes-not-ready", []trial{
		manifestsNotRecorded(),
		{"named after addresses", func(*rt.Recording) {}, []want{{deployment, check.NotApplicable, "", []string{"do not contain DNS names"}}}},
		{"hidden until peers are there", all(fqdn, asks, stateful("derl")), onStatefulSet(check.Fail, "hidden-until-ready", "Service derl", "publishNotReadyAddresses: true")},
		{"in a variable", all(literal("RELEASE_NODE", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local"), asks, stateful("derl")), onStatefulSet(check.Fail, "hidden-until-ready")},
		{"published", all(fqdn, asks, stateful("derl"), rewrite("Service", `"clusterIP":"None",`, `"clusterIP":"None","publishNotReadyAddresses":true,`)), onStatefulSet(check.Pass, "")},
		{"ready by itself", all(fqdn, stateful("derl")), onStatefulSet(check.Pass, "")},
		{"no Service", all(fqdn, asks, stateful("drl")), onStatefulSet(check.NotApplicable, "", "no Service governs")},
	})
}
