package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
)

func TestManifestHostResolves(t *testing.T) {
	pods := env("POD_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}`)
	try(t, "manifest/host-resolves", slices.Concat([]trial{
		{"the pod's address", literal("RELEASE_NODE", "derl@$(POD_IP)"), nil},
		{"the pod's name alone", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME)")), fails("alone", "RELEASE_NODE", "derl@$(POD_NAME)", "status.podIP")},
		{"a Deployment's name below a Service", all(pods, config("vm.args.src", "-name derl@${POD_NAME}.derl.${NAMESPACE}.svc.cluster.local\n")),
			fails("not-in-dns", "vm.args.src", "a Deployment have no DNS names below derl.<metadata.namespace>.svc.cluster.local", "StatefulSet")},
		{"through another variable", all(pods, literal("HOST", "$(POD_NAME).derl.default.svc"), literal("RELEASE_NODE", "derl@$(HOST)")), fails("not-in-dns", "derl@$(HOST)")},
		{"a StatefulSet's", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), nil},
		{"below another Service", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).derl-headless.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")),
			[]want{{"object StatefulSet/derl", check.Fail, "other-service", []string{"below Service derl (serviceName), not derl-headless"}}}},
		{"below a Service that is not known", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).$(SERVICE).svc"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), nil},
		{"the machine's address", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), literal("RELEASE_NODE", "derl@$(POD_IP)")), fails("of-the-machine", "<status.hostIP> belongs to the Kubernetes node")},
		{"the machine's address, of a DaemonSet", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), literal("RELEASE_NODE", "derl@$(POD_IP)"), kinds("DaemonSet")), nil},
		{"the machine's network", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME)"), podField(`"hostNetwork":true`)), []want{{"object Deployment/derl", check.NotApplicable, "", []string{"use hostNetwork"}}}},
		{"a name that goes round in circles", all(literal("A", "$(B)"), literal("B", "$(A)"), literal("RELEASE_NODE", "derl@$(A)")), nil},
		{"of the shell", args("sh", "-c", "exec derl -name derl@$(hostname -f)"), nil},
	}, unreadable()))
}
