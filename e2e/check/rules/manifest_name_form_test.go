package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestNameForm(t *testing.T) {
	pods := env("POD_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}`)
	release := func(distribution string) func(s *rt.Recording) {
		return all(later("RELEASE_NODE", "derl@$(POD_IP)"), later("RELEASE_DISTRIBUTION", distribution))
	}
	noVM := func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.VM != nil }) }
	livebook := func(tag string) func(s *rt.Recording) {
		return rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"registry.example/livebook-dev/livebook:`+tag+`"`)
	}
	defaults := later("RELEASE_NODE", "derl@$(POD_IP)")
	try(t, "manifest/name-form", slices.Concat([]trial{
		{"short, and an address", release("sname"), fails("short-with-dots", "RELEASE_NODE", "an IP address", "RELEASE_DISTRIBUTION=sname", "set RELEASE_DISTRIBUTION to name")},
		{"long, and an address", release("name"), thePass},
		{"not distributed", release("none"), fails("not-distributed", "RELEASE_DISTRIBUTION=none")},
		{"mix release's default", all(noVM, defaults), []want{{deployment, check.Unseen, "", []string{"RELEASE_DISTRIBUTION is not in the manifests", "env.sh in the image", "value: name"}}}},
		{"mix release's default, and the VM says that it is short", all(noVM, defaults, func(s *rt.Recording) { dies(s, 1, "Can't set short node name!") }),
			fails("short-with-dots", "RELEASE_NODE", "derl@$(POD_IP)", "RELEASE_DISTRIBUTION is not in the manifests", "Can't set short node name", "add {name: RELEASE_DISTRIBUTION, value: name} to the env of container derl")},
		{"mix release's default, and the VM has a long name", defaults, notSeen("do not say whether")},
		{"mix release's default, and a ConfigMap that is not there", all(noVM, defaults, field(`"envFrom":[{"configMapRef":{"name":"more"}}]`)), notSeen("do not say whether")},
		{"mix release's default in an env.sh", config("env.sh", "export RELEASE_NODE=derl@$POD_IP\n"), fails("short-with-dots", "env.sh in ConfigMap", "which is not set")},
		{"an env.sh that says it", config("env.sh", "export RELEASE_DISTRIBUTION=name\nexport RELEASE_NODE=\"derl@${POD_IP}\"\n"), thePass},
		{"an env.sh that says it of the variable", all(noVM, defaults, config("env.sh", "export RELEASE_DISTRIBUTION=name\n")), thePass},
		{"-sname and an address", args("foreground", "-sname", "derl@$(POD_IP)"), fails("short-with-dots", "-sname derl@$(POD_IP)", "write -name instead of -sname")},
		{"-sname and a domain", config("vm.args", "-sname derl@shop.example\n"), fails("short-with-dots", "shop.example")},
		{"-sname alone", config("vm.args", "-sname derl\n"), thePass},
		{"-sname with the pod's name", all(pods, args("foreground", "-sname", "derl@$(POD_NAME)")), thePass},
		{"-name and an address", args("foreground", "-name", "derl@$(POD_IP)"), thePass},
		{"-name and a host without a dot", args("foreground", "-name", "derl@localhost"), fails("long-without-dot", "localhost", "no dot")},
		{"-name and a host that the shell makes", args("sh", "-c", "exec erl -name derl@$(hostname -f)"), thePass},
		{"Livebook since 0.13, which is always long", all(livebook("0.14.5"), later("LIVEBOOK_NODE", "livebook@$(POD_IP)"), later("LIVEBOOK_DISTRIBUTION", "sname")), thePass},
		{"Livebook, short", all(livebook("0.12.1"), later("LIVEBOOK_NODE", "livebook@$(POD_IP)"), later("LIVEBOOK_DISTRIBUTION", "sname")), fails("short-with-dots", "LIVEBOOK_DISTRIBUTION=sname")},
		{"Livebook, long", all(later("LIVEBOOK_NODE", "livebook@$(POD_IP)"), later("LIVEBOOK_DISTRIBUTION", "name")), thePass},
		{"Livebook, not said", later("LIVEBOOK_NODE", "livebook@$(POD_IP)"), notSeen("do not say whether")},
		{"RabbitMQ, short by default", all(pods, later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME).mq.shop.svc.cluster.local"), stateful("mq")), onStatefulSet(check.Fail, "short-with-dots", "RABBITMQ_USE_LONGNAME, which is not set", "add {name: RABBITMQ_USE_LONGNAME")},
		{"RabbitMQ, long", all(pods, later("RABBITMQ_USE_LONGNAME", "true"), later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME).mq.shop.svc.cluster.local"), stateful("mq")), onStatefulSet(check.Pass, "")},
		{"RabbitMQ, who knows", all(pods, field(`"envFrom":[{"configMapRef":{"name":"more"}}]`), later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME).mq.shop.svc"), stateful("mq")), onStatefulSet(check.NotApplicable, "")},
		{"RabbitMQ, long by a file", all(pods, later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME).mq.shop.svc"), config("rabbitmq-env.conf", "USE_LONGNAME=true\n"), stateful("mq")), onStatefulSet(check.Pass, "")},
		{"RabbitMQ, short with a search list", all(pods, later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME)"), podField(`"dnsConfig":{"searches":["mq.shop.svc.cluster.local"]}`), stateful("mq")), onStatefulSet(check.Pass, "")},
		{"RabbitMQ, long with a search list", all(pods, later("RABBITMQ_USE_LONGNAME", "true"), later("RABBITMQ_NODENAME", "rabbit@$(POD_NAME)"), podField(`"dnsConfig":{"searches":["mq.shop.svc.cluster.local"]}`), stateful("mq")), onStatefulSet(check.Fail, "long-without-dot")},
		{"ejabberd, which looks at the host itself", later("ERLANG_NODE_ARG", "ejabberd@$(POD_IP)"), notSeen("do not say whether")},
		{"no name anywhere", func(*rt.Recording) {}, notSeen("no node name")},
	}, unreadable()))
}
