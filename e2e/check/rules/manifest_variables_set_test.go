package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestVariablesSet(t *testing.T) {
	try(t, "manifest/variables-set", slices.Concat([]trial{
		{"Kubernetes' own", literal("RELEASE_NODE", "derl@$(MY_IP)"), fails("left-as-is", "RELEASE_NODE", "$(MY_IP)", "status.podIP")},
		{"a start script's", config("vm.args.src", "-name derl@${MY_POD}\n"), fails("unset", "vm.args.src", "${MY_POD}", "add MY_POD")},
		{"a start script's, and the image may define it", all(config("vm.args.src", "-name derl@${MY_POD}\n"), func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Object == nil })
		}), []want{{"object Deployment/derl", check.Unseen, "", []string{"${MY_POD}", "unless the image or a start script in it defines it"}}}},
		{"defined after it is used", all(literal("WORD", "yes"), literal("X", "$(WORD)")), fails("left-as-is", "env X", "$(WORD)", "move WORD before X")},
		{"defined before it is used", all(literal("X", "$(WORD)"), literal("WORD", "yes")), nil},
		{"with a default", config("vm.args.src", "+P ${PROCESSES:-1000}\n-name derl@${POD_IP}\n"), nil},
		{"the shell's own", args("sh", "-c", "IP=$(hostname -i); exec derl -name derl@${IP} -home ${HOME}"), nil},
		{"escaped", args("echo", "$$(NOT_MINE)"), nil},
		{"a Service's", literal("DATABASE", "$(POSTGRES_SERVICE_HOST):$(POSTGRES_PORT)"), nil},
		{"from a ConfigMap that holds it", all(literal("X", "$(WORD)"), field(`"envFrom":[{"configMapRef":{"name":"words"}}]`),
			object("ConfigMap", "words", `{"data":{"WORD":"yes"}}`)), nil},
		{"from a ConfigMap that does not", all(literal("X", "$(WORD)"), field(`"envFrom":[{"configMapRef":{"name":"words"}}]`),
			object("ConfigMap", "words", `{"data":{"OTHER":"yes"}}`)), fails("left-as-is", "$(WORD)")},
		{"in a value from a ConfigMap", all(field(`"envFrom":[{"configMapRef":{"name":"words"}}]`), object("ConfigMap", "words", `{"data":{"LIVEBOOK_NODE":"livebook@$(POD_IP)"}}`)),
			fails("left-as-is", "LIVEBOOK_NODE", "$(POD_IP)", "from a ConfigMap", "in the env of the container")},
		{"in a value of a key of a ConfigMap", all(env("RELEASE_NODE", `"valueFrom":{"configMapKeyRef":{"name":"words","key":"node"}}`), object("ConfigMap", "words", `{"data":{"node":"derl@$(POD_IP)"}}`)),
			fails("left-as-is", "RELEASE_NODE", "$(POD_IP)", "from a ConfigMap")},
		{"a template in a ConfigMap", all(field(`"envFrom":[{"configMapRef":{"name":"words"}}]`), object("ConfigMap", "words", `{"data":{"FORMAT":"$(date) $(level)"}}`)), nil},
		{"Livebook's, above the address", literal("LIVEBOOK_NODE", "livebook@$(POD_IP)"), fails("left-as-is", "LIVEBOOK_NODE", "move POD_IP before LIVEBOOK_NODE")},
		{"a name in small letters, below", all(env("pod_ip", `"value":"10.0.0.1"`), literal("ADDRESS", "$(pod_ip)")), fails("left-as-is", "env ADDRESS", "move pod_ip before ADDRESS")},
		{"a command in a node name", literal("RELEASE_NODE", "derl@$(hostname -f)"), fails("left-as-is", "$(hostname -f)", "runs no command", "rel/env.sh")},
		{"a command in another variable", literal("START", "exec derl -home $(cat /etc/home)"), nil},
		{"no reference anywhere", rewrite("Deployment", `derl.$(NAMESPACE).svc.cluster.local`, `derl.shop.svc.cluster.local`), notSeen("no reference to a variable was seen")},
		{"from a Secret, who knows", all(literal("X", "$(WORD)"), field(`"envFrom":[{"secretRef":{"name":"words"}}]`)), nil},
		{"seen in the VM", all(literal("X", "${WORD}"), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) { e.VM.Names = append(e.VM.Names, "WORD") })
		}), nil},
	}, unreadable()))
}
