package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
)

func TestManifestNamePerPod(t *testing.T) {
	try(t, "manifest/name-per-pod", slices.Concat([]trial{
		{"the same name", literal("RELEASE_NODE", "derl@127.0.0.1"), fails("same-name", "derl@127.0.0.1", "all 3 pods", "RELEASE_NODE=derl@$(POD_IP)")},
		{"the same name in args", args("foreground", "-name", "derl@derl.example"), fails("same-name", "-name derl@$(POD_IP)")},
		{"the address of somebody", rewrite("Deployment", `"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}`, `"name":"POD_IP","value":"10.1.2.3"`), fails("fixed-address", "POD_IP", "10.1.2.3")},
		{"one replica", all(literal("RELEASE_NODE", "derl@127.0.0.1"), rewrite("Deployment", `"replicas":3`, `"replicas":1`)), nil},
		{"a DaemonSet", all(literal("RELEASE_NODE", "derl@127.0.0.1"), kinds("DaemonSet")), []want{{"object DaemonSet/derl", check.Fail, "same-name", nil}}},
		{"made of the pod's address", literal("RELEASE_NODE", "derl@$(POD_IP)"), nil},
		{"without a host", literal("RELEASE_NODE", "derl"), nil},
		{"a console's", literal("REMOTE_HOST", "derl@127.0.0.1"), nil},
	}, unreadable()))
}
