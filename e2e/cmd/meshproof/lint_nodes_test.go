package main

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Which of several workloads are nodes, where their manifests hardly speak of Erlang; and what was not seen is not called green.
func TestLintFindsTheNodes(t *testing.T) {
	const web = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx, env: [{name: SESSION_COOKIE, value: x}]}]}}\n"
	silent := func(image, container, pod, more string) string {
		return strings.Replace(chat("StatefulSet", image, container, pod, more), "        ports: [{name: epmd, containerPort: 4369}]\n", "", 1) + web
	}
	const left = "Deployment web is not judged: it does not mention Erlang"
	lintEach(t, map[string]lintCase{
		"by the image":                         {silent("registry.example/library/rabbitmq:4.1", "", "", ""), exitcode.Fail, []string{"it runs the image registry.example/library/rabbitmq:4.1", left, "FAIL     manifest/cookie-given"}, nil},
		"by the image alone":                   {strings.Replace(silent("livebook-dev/livebook:0.14", "", "", ""), "replicas: 3", "replicas: 1", 1), exitcode.Unknown, []string{"UNKNOWN  only the image speaks of Erlang (livebook-dev/livebook:0.14): "}, nil},
		"by a file":                            {silent("chat", mounted, volume, configMap("vm.args", "-name chat@127.0.0.1")), exitcode.Fail, []string{"it has the file /etc/chat/vm.args", left, "FAIL     manifest/name-per-pod"}, nil},
		"by a variable in a ConfigMap":         {silent("chat", "envFrom: [{configMapRef: {name: chat}}]", "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: chat}\ndata: {RELEASE_DISTRIBUTION: name}\n"), exitcode.OK, []string{"it has the variable RELEASE_DISTRIBUTION", left}, nil},
		"discovery is only in the image":       {chat("StatefulSet", "chat", "env:\n"+theCookie, "", ""), exitcode.OK, []string{"  discovery  not seen", "  Services   chat-peers, named by StatefulSet chat"}, nil},
		"discovery asks for what is not there": {strings.Replace(chat("Deployment", "chat", "env:\n"+theCookie+"- {name: DNS_CLUSTER_QUERY, value: chat-nodes}\n", "", ""), "clusterIP: None, ", "", 1), exitcode.Unknown, []string{"UNKNOWN  manifest/discovery-finds-peers", "Service chat-nodes (chat-nodes), which is not in the manifests"}, nil},
		"discovery is in a variable":           {chat("Deployment", "chat", "env:\n"+theCookie+"- {name: DNS_CLUSTER_QUERY, value: chat-peers}\n", "", ""), exitcode.OK, []string{"  discovery  chat-peers, by env DNS_CLUSTER_QUERY of container chat"}, nil},
		"the name is in a Secret":              {chat("StatefulSet", "chat", "env:\n"+theCookie+"- {name: RELEASE_NODE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n", "", ""), exitcode.OK, []string{"  node name  env RELEASE_NODE of container chat, whose value is in Secret chat"}, []string{"ok       manifest/name-per-pod"}},
		"the name may be in a ConfigMap":       {chat("StatefulSet", "chat", "env:\n"+theCookie+"envFrom: [{configMapRef: {name: names}}]\n", "", ""), exitcode.Unknown, []string{"UNKNOWN  manifest/name-per-pod", "ConfigMap names, which its pods need, is not in the manifests"}, nil},
		"the API server is no peer's name":     {chat("StatefulSet", "chat", "env:\n"+theCookie+"- {name: API, value: kubernetes.default.svc}\n", "", ""), exitcode.OK, nil, []string{"kubernetes, named by"}},
	})

	pod := func(name, host string) string {
		return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", labels: {app: chat}}\nspec: {containers: [{name: chat, image: chat, args: [-name, chat@" + host + ", -setcookie, $(C)], env: [{name: C, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}]}]}\n"
	}
	const peers = "---\napiVersion: v1\nkind: Service\nmetadata: {name: chat-peers}\nspec: {clusterIP: None, selector: {app: chat}, ports: [{port: 4369}]}\n"
	lintEach(t, map[string]lintCase{
		"bare Pods of one name": {pod("a", "10.0.0.1") + pod("b", "10.0.0.1") + peers, exitcode.Fail, []string{"FAIL     manifest/name-per-pod", "in the pods of Pod a, and those of Pod b have the same"}, nil},
		"bare Pods":             {pod("a", "10.0.0.1") + pod("b", "10.0.0.2") + peers, exitcode.OK, []string{"ok       manifest/name-per-pod"}, nil},
	})
}
