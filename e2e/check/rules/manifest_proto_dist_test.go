package rules_test

import (
	"slices"
	"testing"
)

func TestManifestProtoDist(t *testing.T) {
	try(t, "manifest/proto-dist", slices.Concat([]trial{
		{"not said", literal("ERL_FLAGS", "+sbwt none"), notSeen("neither -proto_dist nor inet_dist_use_interface was seen")},
		{"once", literal("ERL_FLAGS", "-proto_dist inet6_tcp -kernel net_ticktime 8"), thePass},
		{"a protocol of the application's own", literal("ERL_FLAGS", "-proto_dist inet6_tcp_uds"), thePass},
		{"a variable", literal("ERL_FLAGS", "-proto_dist $(PROTO)"), thePass},
		{"nothing behind it", literal("ERL_FLAGS", "-proto_dist"), notSeen()},
		// docker-vernemq#350
		{"glued to the next flag", literal("DOCKER_VERNEMQ_ERLANG__ARGS", "-proto_dist inet6_tcp-eval"), fails("glued", "env DOCKER_VERNEMQ_ERLANG__ARGS", "-proto_dist inet6_tcp-eval", "a space between inet6_tcp and -eval")},
		{"glued, in args", args("foreground", "-proto_dist inet_tls-ssl_dist_optfile /tls"), fails("glued", "args of container derl")},
		{"once more in a comment", config("vm.args", "# -proto_dist inet_tcp\n-proto_dist inet6_tcp\n"), thePass},
		{"twice what it would be anyway", literal("ERL_FLAGS", "-proto_dist inet_tcp -proto_dist inet_tcp"), thePass},
		{"the cases of a script", config("env.sh", "case $IP in\n*:*) F='-proto_dist inet6_tcp' ;;\n*) F='-proto_dist inet_tcp' ;;\nesac\n"), thePass},
		{"for the server and for its commands", all(literal("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-proto_dist inet6_tcp"), literal("RABBITMQ_CTL_ERL_ARGS", "-proto_dist inet6_tcp")), thePass},
		// ejabberd#4189
		{":: for an interface", literal("ERL_FLAGS", "-kernel inet_dist_use_interface ::"), fails("interface-form", "inet_dist_use_interface ::", "{0,0,0,0,0,0,0,0} with inet6_tcp")},
		{"a text for an interface", config("sys.config", `[{kernel, [{inet_dist_use_interface, "127.0.0.1"}]}].`), fails("interface-form", "sys.config in ConfigMap derl-config", "inet_dist_use_interface 127.0.0.1")},
		{"an interface from a variable", literal("ERL_FLAGS", "-kernel inet_dist_use_interface $(INTERFACE)"), thePass},
		{"an interface", literal("ERL_FLAGS", `-kernel inet_dist_use_interface "{127,0,0,1}"`), thePass},
		{"IPv6, the protocol said elsewhere", literal("ERL_FLAGS", "-kernel inet_dist_use_interface {0,0,0,0,0,0,0,0}"), thePass},
		{"IPv6, and its interface", literal("ERL_FLAGS", "-proto_dist inet6_tcp -kernel inet_dist_use_interface {0,0,0,0,0,0,0,0}"), thePass},
		{"IPv6, and an interface of IPv4", literal("ERL_FLAGS", "-proto_dist inet6_tcp -kernel inet_dist_use_interface {0,0,0,0}"), fails("interface-family", "-proto_dist inet6_tcp and inet_dist_use_interface {0,0,0,0}")},
		{"IPv4, and an interface of IPv6", literal("ERL_FLAGS", "-proto_dist inet_tcp -kernel inet_dist_use_interface {0,0,0,0,0,0,0,0}"), fails("interface-family", "-proto_dist inet_tcp")},
	}, unreadable()))
}
