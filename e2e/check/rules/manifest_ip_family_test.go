package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestIPFamily(t *testing.T) {
	service := func(fields string) func(s *rt.Recording) {
		return rewrite("Service", `"clusterIP":"None",`, `"clusterIP":"None",`+fields+`,`)
	}
	six := service(`"ipFamilies":["IPv6"]`)
	skips := []want{{deployment, check.NotApplicable, "", []string{"asks for IPv6"}}}
	server := literal("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inetrc '/etc/rabbitmq/erl_inetrc' -proto_dist inet6_tcp")
	tools := literal("RABBITMQ_CTL_ERL_ARGS", "-proto_dist inet6_tcp")
	try(t, "manifest/ip-family", slices.Concat([]trial{
		{"RabbitMQ over IPv6", all(server, tools), skips},
		{"RabbitMQ, its commands over IPv4", server, fails("tools", "env RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "rabbitmqctl", "RABBITMQ_CTL_ERL_ARGS")},
		{"RabbitMQ, and no inetrc", all(literal("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-proto_dist inet6_tcp"), tools), fails("lookups", "nxdomain", "{inet6, true}")},
		{"RabbitMQ, by its script", config("rabbitmq-env.conf", "SERVER_ADDITIONAL_ERL_ARGS='-proto_dist inet6_tcp -kernel inetrc x'\nCTL_ERL_ARGS='-proto_dist inet6_tcp'\n"), skips},
		{"RabbitMQ, by its script, without its commands", config("rabbitmq-env.conf", "SERVER_ADDITIONAL_ERL_ARGS='-proto_dist inet6_tcp -kernel inetrc x'\n"), fails("tools", "rabbitmq-env.conf in ConfigMap derl-config")},
		{"RabbitMQ, by a script that is elsewhere", all(server, literal("RABBITMQ_CONF_ENV_FILE", "/etc/env.conf")), skips},
		{"twice in one variable", literal("ERL_FLAGS", "-proto_dist inet6_tcp -proto_dist inet6_tcp"), fails("twice", "given 2 times (env ERL_FLAGS of container derl)", "OTP 25 then takes none", "OTP 27 takes the first")},
		{"in two variables", all(literal("ERL_FLAGS", "-proto_dist inet6_tls"), literal("ERL_ZFLAGS", "-proto_dist inet6_tls")), fails("twice", "env ERL_ZFLAGS", "env ERL_FLAGS")},
		{"in a variable and in vm.args", all(literal("ERL_FLAGS", "-proto_dist inet6_tcp"), config("vm.args", "-name a@b.c\n-proto_dist inet6_tcp\n")), fails("twice", "vm.args in ConfigMap derl-config")},
		{"twice what it would be anyway", literal("ERL_FLAGS", "-proto_dist inet_tcp -proto_dist inet_tcp"), skips},
		{"RabbitMQ over IPv4", literal("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2"), skips},
		{"not said", func(*rt.Recording) {}, skips},
		{"IPv4", service(`"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack"`), skips},
		{"IPv6", six, fails("ipv6-only", "Service derl has IPv6 addresses only", "-proto_dist inet6_tcp")},
		{"IPv6, and the VM too", all(six, literal("ERL_FLAGS", "-proto_dist inet6_tcp")), thePass},
		{"IPv6, and the VM too, in a file", all(six, config("vm.args", "-proto_dist inet6_tls\n")), thePass},
		{"both", service(`"ipFamilyPolicy":"PreferDualStack"`), fails("dual-stack", "PreferDualStack", "AAAA")},
		{"both, for users", object("Service", "front", `{"apiVersion":"v1","metadata":{"name":"front"},"spec":{"ipFamilyPolicy":"PreferDualStack","selector":{"app":"derl"},"ports":[{"port":80}]}}`), skips},
	}, unreadable()))
}
