package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestHostResolves(t *testing.T) {
	pods := env("POD_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}`)
	try(t, "manifest/host-resolves", slices.Concat([]trial{
		{"the pod's address", later("RELEASE_NODE", "derl@$(POD_IP)"), passes},
		{"the pod's name alone", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME)")), fails("alone", "RELEASE_NODE", "derl@$(POD_NAME)", "status.podIP")},
		{"a Deployment's name below a Service", all(pods, config("vm.args.src", "-name derl@${POD_NAME}.derl.${NAMESPACE}.svc.cluster.local\n")),
			fails("not-in-dns", "vm.args.src", "a Deployment have no DNS names below derl.<metadata.namespace>.svc.cluster.local", "StatefulSet")},
		{"through another variable", all(pods, later("HOST", "$(POD_NAME).derl.default.svc"), later("RELEASE_NODE", "derl@$(HOST)")), fails("not-in-dns", "derl@$(HOST)")},
		{"a StatefulSet's", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), onStatefulSet(check.Pass, "")},
		{"below another Service", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME).derl-headless.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")),
			[]want{{"object StatefulSet/derl", check.Fail, "other-service", []string{"below Service derl (serviceName), not derl-headless"}}}},
		{"below a Service that is not known", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME).$(SERVICE).svc"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), onStatefulSet(check.NotApplicable, "", "do not tell the host part")},
		{"the machine's address", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), later("RELEASE_NODE", "derl@$(POD_IP)")), fails("of-the-machine", "<status.hostIP> belongs to the Kubernetes node")},
		{"the machine's address, of a DaemonSet", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), later("RELEASE_NODE", "derl@$(POD_IP)"), kinds("DaemonSet")), []want{{"object DaemonSet/derl", check.Pass, "", nil}}},
		{"the machine's network", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME)"), podField(`"hostNetwork":true`)), []want{{"object Deployment/derl", check.NotApplicable, "", []string{"use hostNetwork"}}}},
		{"a name that goes round in circles", all(literal("A", "$(B)"), literal("B", "$(A)"), later("RELEASE_NODE", "derl@$(A)")), notSeen("do not tell the host part")},
		{"a variable that stands below", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME)")), notSeen("do not tell the host part")}, // manifest/variables-set
		{"no name anywhere", func(*rt.Recording) {}, notSeen("no node name of Deployment derl was seen in the manifests")},
		{"no name, and a ConfigMap that is not there", field(`"envFrom":[{"configMapRef":{"name":"names"}}]`), notSeen("ConfigMap names, not in the manifests, may have it")},
		{"a StatefulSet's pod name alone", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME)"), stateful("derl")), onStatefulSet(check.Fail, "alone", "write RELEASE_NODE=derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local")},
		{"short names with a search list", all(pods, later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME)"), podField(`"dnsConfig":{"searches":["derl.default.svc.cluster.local"]}`), stateful("derl")), onStatefulSet(check.Pass, "")},
		{"short names without one", all(pods, later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME)"), stateful("derl")),
			onStatefulSet(check.Fail, "alone", "write RABBITMQ_NODENAME=rabbit@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local, and add {name: RABBITMQ_USE_LONGNAME")},
		{"-sname in a Deployment", args("foreground", "-sname", "derl", "-setcookie", "$(COOKIE)"), fails("alone", "-sname derl", "status.podIP", "write -name instead of -sname")},
		{"-sname of one that looks for nobody", all(args("foreground", "-sname", "derl", "-setcookie", "$(COOKIE)"), rewrite("Service", `"clusterIP":"None",`, ""), rewrite("Deployment", `{"name":"epmd","containerPort":4369},`, "")), notSeen("do not tell the host part")},
		{"a host list of its own", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME)"), podField(`"hostAliases":[{"ip":"10.0.0.1","hostnames":["derl-0"]}]`)), passes},
		{"CouchDB's, which is a host", all(pods, later("NODENAME", "$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local")), fails("not-in-dns", "NODENAME")},
		{"the Kubernetes node's own", env("NODE_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}`), notSeen("no node name")},
		{"the Kubernetes node's as a host", all(env("K8S_NODE_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}`), later("RELEASE_NODE", "derl@$(K8S_NODE_NAME)")), fails("of-the-machine", "spec.nodeName")},
		{"ejabberd's", all(pods, later("ERLANG_NODE_ARG", "ejabberd@$(POD_NAME)")), fails("alone", "ERLANG_NODE_ARG")},
		{"EMQX's, by its configuration file", all(pods, config("emqx.conf", "node {\n  cookie = \"x\"\n  name = \"emqx@${POD_NAME}\"\n}\n")), fails("alone", "emqx.conf in ConfigMap")},
		{"in ERL_AFLAGS", all(pods, later("ERL_AFLAGS", "-name derl@$(POD_NAME)")), fails("alone", "ERL_AFLAGS")},
		{"a start script's", all(pods, config("start.sh", "#!/bin/sh\nexport RELEASE_NODE=derl@$POD_NAME\nexec bin/derl start\n")), fails("alone", "start.sh in ConfigMap")},
		{"a start script that makes another of it", all(pods, later("RELEASE_NODE", "derl@$(POD_NAME)"), config("env.sh", "export RELEASE_NODE=derl@$(hostname -i)\n")), passes},
		{"an init container's", all(pods, podField(`"initContainers":[{"name":"names","command":["sh","-c","echo \"-name derl@$POD_NAME\" > /etc/derl/vm.args"],"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}]`)),
			fails("alone", "command of init container names")},
		{"from a projected volume", all(pods, object("ConfigMap", "derl-config", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"derl-config"},"data":{"vm.args":"-name derl@${POD_NAME}"}}`),
			podField(`"volumes":[{"name":"config","projected":{"sources":[{"configMap":{"name":"derl-config"}}]}}]`), field(`"volumeMounts":[{"name":"config","mountPath":"/etc/derl"}]`)), fails("alone", "vm.args")},
		{"of the shell", args("sh", "-c", "exec derl -name derl@$(hostname -f)"), notSeen("do not tell the host part")},
	}, unreadable()))
}
