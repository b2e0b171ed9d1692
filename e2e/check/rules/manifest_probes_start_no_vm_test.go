package rules_test

import (
	"slices"
	"testing"
)

func TestManifestProbesStartNoVM(t *testing.T) {
	try(t, "manifest/probes-start-no-vm", slices.Concat([]trial{
		{"ping", field(`"livenessProbe":{"exec":{"command":["/opt/derl/bin/derl","ping"]}}`), fails("starts-vm", "livenessProbe", "/opt/derl/bin/derl ping", "tcpSocket")},
		{"with a cookie in it", field(`"livenessProbe":{"exec":{"command":["sh","-c","bin/derl rpc -setcookie hunter2 node"]}}`), fails("starts-vm", "-setcookie (cookie) node")},
		{"rabbitmq", rewrite("Deployment", `"readinessProbe":{"tcpSocket":{"port":"ready"}`, `"readinessProbe":{"exec":{"command":["sh","-c","rabbitmq-diagnostics ping"]}`), fails("starts-vm", "readinessProbe")},
		{"a file", field(`"livenessProbe":{"exec":{"command":["test","-f","/tmp/alive"]}}`), nil},
		{"none", rewrite("Deployment", `,"readinessProbe":{"tcpSocket":{"port":"ready"},"periodSeconds":1}`, ""), notSeen("no probe was seen")},
		{"HTTP", field(`"livenessProbe":{"httpGet":{"path":"/health"}}`), nil},
	}, unreadable()))
}
