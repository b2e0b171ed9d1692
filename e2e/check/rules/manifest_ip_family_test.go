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
	try(t, "manifest/ip-family", slices.Concat([]trial{
		{"not said", func(*rt.Recording) {}, skips},
		{"IPv4", service(`"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack"`), skips},
		{"IPv6", six, fails("ipv6-only", "Service derl has IPv6 addresses only", "-proto_dist inet6_tcp")},
		{"IPv6, and the VM too", all(six, literal("ERL_FLAGS", "-proto_dist inet6_tcp")), thePass},
		{"IPv6, and the VM too, in a file", all(six, config("vm.args", "-proto_dist inet6_tls\n")), thePass},
		{"both", service(`"ipFamilyPolicy":"PreferDualStack"`), fails("dual-stack", "PreferDualStack", "AAAA")},
		{"both, for users", object("Service", "front", `{"apiVersion":"v1","metadata":{"name":"front"},"spec":{"ipFamilyPolicy":"PreferDualStack","selector":{"app":"derl"},"ports":[{"port":80}]}}`), skips},
	}, unreadable()))
}
