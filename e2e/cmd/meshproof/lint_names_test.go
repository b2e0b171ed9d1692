package main

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// chat is an application of several pods; the texts are put into its container, its pod and the end of the stream.
func chat(kind, image, container, pod, more string) string {
	governed := ""
	if kind == "StatefulSet" {
		governed = "\n  serviceName: chat-peers"
	}
	return `apiVersion: v1
kind: Secret
metadata: {name: chat}
stringData: {cookie: a-cookie-that-is-long-enough-for-anybody}
---
apiVersion: v1
kind: Service
metadata: {name: chat-peers}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: chat}, ports: [{name: epmd, port: 4369}]}
---
apiVersion: apps/v1
kind: ` + kind + `
metadata: {name: chat}
spec:` + governed + `
  replicas: 3
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
` + indented(6, pod) + `      containers:
      - name: chat
        image: ` + image + `
        ports: [{name: epmd, containerPort: 4369}]
` + indented(8, container) + more
}

// indented is a text as it stands at that depth of YAML.
func indented(depth int, text string) string {
	if text == "" {
		return ""
	}
	indent := strings.Repeat(" ", depth)
	return indent + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+indent) + "\n"
}

const (
	podIP     = "- {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n"
	podName   = "- {name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n"
	theCookie = "- {name: RELEASE_COOKIE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n"
)

// What lint says of how node names are written, where the cookie comes from, and where the VM writes.
func TestLintOfNamesAndCookies(t *testing.T) {
	env := func(variables string) string { return "env:\n" + variables }
	lintEach(t, map[string]lintCase{
		"a variable above the one that it uses": {chat("Deployment", "livebook/livebook:0.14.0", env("- {name: LIVEBOOK_NODE, value: notes@$(ADDRESS)}\n"+podIP+theCookie), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/variables-set", "move ADDRESS before LIVEBOOK_NODE"}, nil},
		"a reference in a ConfigMap of envFrom": {chat("Deployment", "chat", env(podIP+theCookie)+"envFrom: [{configMapRef: {name: chat}}]", "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: chat}\ndata: {RELEASE_DISTRIBUTION: name, RELEASE_NODE: chat@$(ADDRESS)}\n"),
			exitcode.Fail, []string{"FAIL     manifest/variables-set", "RELEASE_NODE", "in a value that comes from a ConfigMap"}, nil},
		"short names by default": {chat("Deployment", "chat", env(podIP+"- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n"+theCookie), "", ""),
			exitcode.Unknown, []string{"UNKNOWN  manifest/name-form", "RELEASE_DISTRIBUTION is not in the manifests"}, []string{"FAIL"}},
		"no distribution at all": {chat("Deployment", "chat", env(podIP+"- {name: RELEASE_DISTRIBUTION, value: none}\n- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n"+theCookie), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/name-form", "not distributed"}, nil},
		"-sname with an address, in ERL_FLAGS": {chat("StatefulSet", "chat", env(podIP+"- {name: ERL_FLAGS, value: -sname chat@$(ADDRESS)}\n"+theCookie), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/name-form", "-sname chat@$(ADDRESS)", "write -name instead"}, nil},
		"-sname in a Deployment": {chat("Deployment", "chat", env(theCookie)+"args: [foreground, -sname, chat]\n", "", ""),
			exitcode.Fail, []string{"FAIL     manifest/host-resolves", "other pods cannot resolve"}, nil},
		"RabbitMQ with dots and no long names": {chat("StatefulSet", "rabbitmq:4", env(podName+"- {name: RABBITMQ_NODENAME, value: rabbit@$(WHO).chat-peers.prod.svc.cluster.local}\n- {name: RABBITMQ_ERLANG_COOKIE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n"), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/name-form", `add {name: RABBITMQ_USE_LONGNAME, value: "true"}`}, nil},
		"ejabberd at the bare name of its pod": {chat("StatefulSet", "ejabberd/ecs", env(podName+"- {name: ERLANG_NODE_ARG, value: ejabberd@$(WHO)}\n- {name: ERLANG_COOKIE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n"), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/host-resolves", "write ERLANG_NODE_ARG=ejabberd@$(WHO).chat-peers.NAMESPACE.svc.cluster.local"}, []string{"status.podIP"}},
		"short names and a search list": {chat("StatefulSet", "rabbitmq:4", env(podName+"- {name: RABBITMQ_NODENAME, value: rabbit@$(WHO)}\n- {name: RABBITMQ_ERLANG_COOKIE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n"), "dnsConfig: {searches: [chat-peers.prod.svc.cluster.local]}", ""),
			exitcode.OK, []string{"ok       manifest/host-resolves", "ok       manifest/name-form"}, nil},
		"no cookie anywhere": {chat("StatefulSet", "registry.example/library/rabbitmq:3-management", env(podName+"- {name: RABBITMQ_USE_LONGNAME, value: 'true'}\n- {name: RABBITMQ_NODENAME, value: rabbit@$(WHO).chat-peers.prod.svc.cluster.local}\n"), "", ""),
			exitcode.Fail, []string{"FAIL     manifest/cookie-given", "each pod makes up its own", "no cookie of StatefulSet chat was seen"}, []string{"ok       manifest/cookie-i", "ok       manifest/cookie-f"}},
		"nothing of the application": {chat("Deployment", "chat", "", "", ""),
			exitcode.OK, []string{"no node name of Deployment chat was seen", "no cookie of Deployment chat was seen"}, []string{"ok       manifest/name", "ok       manifest/host-resolves", "ok       manifest/cookie-i"}},
		"a read-only root and data only": {chat("StatefulSet", "vernemq/vernemq:2.0.1", "securityContext: {readOnlyRootFilesystem: true}\nvolumeMounts: [{name: data, mountPath: /vernemq/data}]", "volumes: [{name: data, emptyDir: {}}]", ""),
			exitcode.OK, []string{"advice   manifest/place-to-write", "/vernemq/etc"}, []string{"FAIL"}},
		"a Secret's file and fsGroup": {chat("StatefulSet", "chat", "volumeMounts: [{name: cookie, mountPath: /home/chat/.erlang.cookie, subPath: cookie}]", "securityContext: {fsGroup: 2000}\nvolumes: [{name: cookie, projected: {defaultMode: 0400, sources: [{secret: {name: chat}}]}}]", ""),
			exitcode.Fail, []string{"FAIL     manifest/cookie-file-mode", "fsGroup 2000"}, nil},
		"all as it should be": {chat("StatefulSet", "chat", env(podName+"- {name: RELEASE_DISTRIBUTION, value: name}\n- {name: RELEASE_NODE, value: chat@$(WHO).chat-peers.prod.svc.cluster.local}\n"+theCookie), "", ""),
			exitcode.OK, []string{"ok       manifest/name-per-pod", "ok       manifest/name-form", "ok       manifest/host-resolves", "ok       manifest/cookie-given"}, []string{"FAIL", "UNKNOWN"}},
	})
}
