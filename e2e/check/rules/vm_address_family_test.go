package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestVMAddressFamily(t *testing.T) {
	over6 := func(words ...string) func(s *rt.Recording) {
		return all(lonely, flags(0, words...), flags(1, words...), flags(2, words...), overIPv6)
	}
	every := func(code string, says ...string) []want { return []want{{"pod *", check.Fail, code, says}} }
	try(t, "vm/address-family", slices.Concat([]trial{
		{"IPv4", lonely, nil},
		{"no -proto_dist", over6(), every("ipv4-only", "is fd00:10:244::", "has no -proto_dist", "-proto_dist inet6_tcp")},
		{"IPv6", over6("-proto_dist", "inet6_tcp"), nil},
		{"TLS over IPv4", over6("-proto_dist", "inet_tls"), every("ipv4-only", "has -proto_dist inet_tls", "start the VM with -proto_dist inet6_tls")},
		{"twice, and the first is of IPv4", over6("-proto_dist", "inet_tcp", "-proto_dist", "inet6_tcp"), every("given-twice", "-proto_dist 2 times (inet_tcp, inet6_tcp)", "once")},
		{"twice, and OTP takes the first", over6("-proto_dist", "inet6_tcp", "-proto_dist", "inet6_tcp"), nil},
		{"twice, and OTP takes none", all(over6("-proto_dist", "inet6_tcp", "-proto_dist", "inet6_tcp"), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Sockets != nil }, func(e *recording.Event) { e.Sockets.Listen = []string{"[::]:4369", "0.0.0.0:10000"} })
		}), every("given-twice", "of which OTP 25 takes none")},
		{"a protocol of the application's own", over6("-proto_dist", "uds"), nil},
		{"for others, behind -extra", over6("-proto_dist", "inet6_tcp", "-extra", "-proto_dist", "inet_tcp"), nil},
		{"its own name is an IPv4 address", all(lonely, overIPv6, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(1) }, func(e *recording.Event) { e.Nodes.Node = "derl@10.1.1.1" })
			s.Change(func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(1) }, func(e *recording.Event) { e.Dist.Node = "derl@10.1.1.1" })
		}), []want{{pod(0), check.Fail, "ipv4-only", nil}, {pod(2), check.Fail, "ipv4-only", nil}}},
		{"IPv4, and the mesh is full", overIPv6, nil},
	}, unseenVM()))
}
