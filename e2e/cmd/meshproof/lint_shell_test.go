package main

import (
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// A configMap that is mounted as the folder /etc/chat, for the end of a stream.
func configMap(file, text string) string {
	return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: chat}\ndata:\n  " + file + ": |\n" + indented(4, text)
}

const (
	mounted = "volumeMounts: [{name: conf, mountPath: /etc/chat}]\n"
	volume  = "volumes: [{name: conf, configMap: {name: chat}}]\n"
)

// Node names as people write them for a shell, where there is one and where there is none.
func TestLintOfNamesThatAShellWouldRead(t *testing.T) {
	const long = "- {name: RELEASE_DISTRIBUTION, value: name}\n"
	rabbit := "env:\n" + podName + "- {name: RABBITMQ_ERLANG_COOKIE, valueFrom: {secretKeyRef: {name: chat, key: cookie}}}\n" + mounted
	lintEach(t, map[string]lintCase{
		"${NAME} where the VM reads the variable itself": {chat("Deployment", "chat", "env:\n"+podIP+"- {name: ERL_FLAGS, value: '-name chat@${ADDRESS}'}\n"+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/variables-set", "Kubernetes replaces $(ADDRESS) and no other form", "write $(ADDRESS) instead of ${ADDRESS}"}, []string{"ok       manifest/name-per-pod"}},
		"${NAME} where nobody runs a shell": {chat("Deployment", "chat", "args: [foreground, -name, 'chat@${ADDRESS}']\nenv:\n"+podIP+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/variables-set", "no shell reads this text"}, nil},
		"${NAME} where a shell is run": {chat("Deployment", "chat", "command: [sh, -c]\nargs: ['exec bin/chat foreground -name chat@${ADDRESS}']\nenv:\n"+podIP+theCookie, "", ""),
			exitcode.OK, []string{"ok       manifest/name-per-pod", "ok       manifest/host-resolves"}, nil},
		"${NAME} where env.sh of the image may read it": {chat("Deployment", "chat", "env:\n"+podIP+long+"- {name: RELEASE_NODE, value: 'chat@${ADDRESS}'}\n"+theCookie, "", ""),
			exitcode.Unknown, []string{"UNKNOWN  manifest/variables-set", "unless a start script in the image"}, []string{"ok       manifest/name-per-pod", "ok       manifest/host-resolves"}},
		"$$(NAME)": {chat("Deployment", "chat", "env:\n"+podIP+long+"- {name: RELEASE_NODE, value: 'chat@$$(ADDRESS)'}\n"+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/variables-set", "two $ are an escape"}, nil},
		"a command of a shell behind $$": {chat("Deployment", "chat", "command: [sh, -c]\nargs: ['exec erl -sname chat@$$(hostname -i) -setcookie $RELEASE_COOKIE']\nenv:\n"+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/name-form", "whose host is an IP address"}, nil},
		"a variable that the script itself sets": {chat("Deployment", "chat", "command: [/etc/chat/start.sh]\nenv:\n"+podIP+theCookie+mounted, volume, configMap("start.sh", "NODE_NAME=\"chat@$ADDRESS\"\nexec erl -sname \"$NODE_NAME\" -setcookie \"$RELEASE_COOKIE\"")),
			exitcode.Fail, []string{"FAIL     manifest/name-form", "whose host is an IP address"}, []string{"FAIL     manifest/host-resolves"}},
		"a variable that the script sets from a command": {chat("Deployment", "chat", "command: [/etc/chat/start.sh]\nenv:\n"+theCookie+mounted, volume, configMap("start.sh", "NODE_NAME=$(my-name)\nexec erl -sname \"$NODE_NAME\" -setcookie \"$RELEASE_COOKIE\"")),
			exitcode.OK, []string{"the manifests do not tell"}, []string{"ok       manifest/name-per-pod", "FAIL"}},
		"RabbitMQ's own file with dots and no long names": {chat("StatefulSet", "rabbitmq:4", rabbit, volume, configMap("rabbitmq-env.conf", "NODENAME=rabbit@${WHO}.chat-peers.prod.svc.cluster.local")),
			exitcode.Fail, []string{"FAIL     manifest/name-form", "add the line USE_LONGNAME=true to rabbitmq-env.conf in ConfigMap chat"}, nil},
		"RabbitMQ's own file with long names": {chat("StatefulSet", "rabbitmq:4", rabbit, volume, configMap("rabbitmq-env.conf", "USE_LONGNAME=true\nNODENAME=rabbit@${WHO}.chat-peers.prod.svc.cluster.local")),
			exitcode.OK, []string{"ok       manifest/name-form"}, nil},
		"a file that an init container writes, and a variable of the node": {chat("Deployment", "chat", "env:\n"+podIP+"- {name: RELEASE_DISTRIBUTION, value: name}\n"+theCookie, "volumes: [{name: conf, emptyDir: {}}]\ninitContainers: [{name: write, image: busybox, command: [sh, -c, 'echo RELEASE_NODE=chat@$(hostname -i) > /etc/chat/env'], volumeMounts: [{name: conf, mountPath: /etc/chat}]}]", ""),
			exitcode.OK, []string{"ok       manifest/name-form"}, nil},
		"the machine's name, which may have dots": {chat("Deployment", "chat", "env:\n- {name: MACHINE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}\n- {name: RELEASE_DISTRIBUTION, value: name}\n- {name: RELEASE_NODE, value: chat@$(MACHINE)}\n"+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/host-resolves"}, []string{"FAIL     manifest/name-form"}},
		"a variable that stands twice": {chat("Deployment", "chat", "env:\n"+podIP+long+"- {name: RELEASE_NODE, value: chat@127.0.0.1}\n- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n"+theCookie, "", ""),
			exitcode.OK, []string{"ok       manifest/name-per-pod"}, nil},
		"a variable that takes the place of a ConfigMap's": {chat("Deployment", "chat", "env:\n"+podIP+long+"- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n"+theCookie+"envFrom: [{configMapRef: {name: chat}}]\n", "", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: chat}\ndata: {RELEASE_NODE: chat@127.0.0.1, RELEASE_COOKIE: for-development}\n"),
			exitcode.OK, []string{"ok       manifest/name-per-pod", "ok       manifest/cookie-in-secret"}, nil},
		"one name for all pods of a StatefulSet": {chat("StatefulSet", "emqx/emqx:5", "env:\n- {name: EMQX_NODE__NAME, value: emqx@127.0.0.1}\n"+theCookie, "", ""),
			exitcode.Fail, []string{"FAIL     manifest/name-per-pod", "write EMQX_NODE__NAME=emqx@$(POD_NAME).chat-peers.NAMESPACE.svc.cluster.local"}, []string{"POD_IP"}},
		"a host name that only the shell has": {chat("StatefulSet", "chat", "env:\n"+long+"- {name: RELEASE_NODE, value: 'chat@$(HOSTNAME).chat-peers.prod.svc'}\n"+theCookie, "", ""),
			exitcode.Fail, []string{"{name: HOSTNAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}"}, nil},
	})
}
