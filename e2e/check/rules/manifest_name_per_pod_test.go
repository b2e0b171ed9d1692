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
		{"in a ConfigMap that is not there", written(field(`"envFrom":[{"configMapRef":{"name":"names"}}]`)), []want{{deployment, check.Unseen, "", []string{"ConfigMap names, which its pods need, is not in the manifests"}}}},
		{"in a ConfigMap that need not be there", written(field(`"envFrom":[{"configMapRef":{"name":"names","optional":true}}]`)), notSeen("no node name")},
		{"in a file that is not there", written(podField(`"volumes":[{"name":"c","configMap":{"name":"names"}}]`)), []want{{deployment, check.Unseen, "", []string{"ConfigMap names"}}}},
		{"in a ConfigMap that each namespace has", written(podField(`"volumes":[{"name":"c","configMap":{"name":"kube-root-ca.crt"}}]`)), notSeen("no node name")},
		{"in a Secret that is not there", written(field(`"envFrom":[{"secretRef":{"name":"names"}}]`)), notSeen("no node name")},
		{"one replica", all(literal("RELEASE_NODE", "derl@127.0.0.1"), rewrite("Deployment", `"replicas":3`, `"replicas":1`)), thePass},
		{"a DaemonSet", all(literal("RELEASE_NODE", "derl@127.0.0.1"), kinds("DaemonSet")), []want{{"object DaemonSet/derl", check.Fail, "same-name", nil}}},
		{"made of the pod's address", later("RELEASE_NODE", "derl@$(POD_IP)"), thePass},
		{"without a host", literal("RELEASE_NODE", "derl"), thePass},
		{"a console's", literal("REMOTE_HOST", "derl@127.0.0.1"), notSeen("no node name")},
		{"another node's", literal("SEED_NODE", "derl@derl-0.derl"), notSeen("no node name")},
		{"a person's", literal("NODE_MAILER_USERNAME", "shop@example.org"), notSeen("no node name")},
		{"the remote console's", config("console.sh", "erl -name debug@127.0.0.1 -remsh derl@$POD_IP\n"), notSeen("no node name")},
		{"a file that is looked for", args("sh", "-c", "find /tmp -name x@y -delete; exec derl foreground"), notSeen("no node name")},
		{"only where nothing else is said", config("start.sh", "if [ -z \"$N\" ]; then export RELEASE_NODE=derl@127.0.0.1; fi\n"), notSeen("do not tell")},
		{"Livebook's", literal("LIVEBOOK_NODE", "livebook@127.0.0.1"), fails("same-name", "LIVEBOOK_NODE=livebook@$(POD_IP)")},
		{"CouchDB's, which is a host", all(rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"couchdb:3.3"`), literal("NODENAME", "127.0.0.1")), fails("same-name", "NODENAME=$(POD_IP)")},
		{"a name for something else", literal("NODENAME", "shop"), notSeen("no node name")},
		{"in a file", config("vm.args", "-name derl@127.0.0.1\n"), fails("same-name", "-name derl@${POD_IP}")},
		{"through another variable", all(later("HOST", "127.0.0.1"), later("RELEASE_NODE", "derl@$(HOST)")), fails("same-name", "derl@$(HOST)", "always 127.0.0.1")},
	}, unreadable()))
}
