package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestReadyWithoutPeers(t *testing.T) {
	probe := func(command string) func(s *rt.Recording) {
		return rewrite("Deployment", `"readinessProbe":{"tcpSocket":{"port":"ready"}`, `"readinessProbe":{"exec":{"command":["sh","-c",`+quoted(command)+`]}`)
	}
	const needs = "test $(rabbitmqctl cluster_status --formatter json | jq '.running_nodes | length') -ge 3"
	published := rewrite("Service", `"clusterIP":"None",`, `"clusterIP":"None","publishNotReadyAddresses":true,`)
	parallel := specField(`"podManagementPolicy":"Parallel"`)
	skips := func(says string) []want { return []want{{deployment, check.NotApplicable, "", []string{says}}} }
	red := func(code string, says ...string) []want { return []want{{deployment, check.Fail, code, says}} }
	try(t, "manifest/ready-without-peers", slices.Concat([]trial{
		{"a port", func(*rt.Recording) {}, skips("only the application knows")},
		{"the status of a broker", probe("rabbitmq-diagnostics -q check_running && rabbitmqctl cluster_status > /dev/null 2>&1"), skips("only the application knows")},
		{"the status of a broker, within a time", probe("rabbitmqctl cluster_status --timeout=5"), skips("only the application knows")},
		{"a broker of three", probe(needs), red("hidden-until-ready", "cluster_status", "Service derl", "publishNotReadyAddresses: true")},
		{"a broker of three, and all are published", all(probe(needs), published), thePass},
		{"nodes that must be there", all(probe(`bin/shop eval 'true = length(nodes()) > 0.'`)), red("hidden-until-ready", "nodes()")},
		{"a file with the command", all(config("ready.sh", "# at least three\nrabbitmqctl await_online_nodes 3\n"), probe("/etc/derl/ready.sh")), red("hidden-until-ready", "await_online_nodes 3")},
		{"a broker that counts them", probe(`rabbitmqctl eval 'true = length(rabbit_nodes:list_running()) >= 3.'`), red("hidden-until-ready", "list_running")},
		{"a broker whose lines are counted", probe(`rabbitmqctl cluster_status | grep -c rabbit@ | grep -q 3`), red("hidden-until-ready")},
		{"nodes, or the end", probe(`bin/shop rpc 'if Node.list() == [], do: System.halt(1)'`), red("hidden-until-ready", "Node.list")},
		{"any number of nodes", probe(`bin/shop rpc 'length(nodes()).'`), skips("only the application knows")},
		{"one replica", all(probe(needs), rewrite("Deployment", `"replicas":3`, `"replicas":1`)), skips("one replica")},
		{"one pod after the other", all(probe(needs), published, stateful("derl")), onStatefulSet(check.Fail, "waits-in-order", "second pod only when the first is Ready", "Parallel")},
		{"one pod after the other, and hidden", all(probe(needs), stateful("derl")), onStatefulSet(check.Fail, "waits-in-order", "and publishNotReadyAddresses: true in Service derl")},
		{"all together, and published", all(probe(needs), published, parallel, stateful("derl")), onStatefulSet(check.Pass, "")},
		{"all together, and hidden", all(probe(needs), parallel, stateful("derl")), onStatefulSet(check.Fail, "hidden-until-ready")},
	}, unreadable()))
}
