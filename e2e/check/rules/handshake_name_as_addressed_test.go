package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeNameAsAddressed(t *testing.T) {
	fqdn := rt.Name(2) + "." + rt.Service + "." + rt.Namespace + ".svc.cluster.local"
	try(t, "handshake/name-as-addressed", []trial{
		nodeNotHeard(), noAgent(),
		{"a short name", calls(2, "derl@"+rt.Name(2)), []want{{pod(2), check.Fail, "short-name", []string{"derl@" + rt.Name(2), "short host name", "-name derl@${POD_IP}"}}}},
		{"a short name that the search list completes", all(calls(2, "derl@"+rt.Name(2)), resolving(func(r *recording.Resolver) {
			r.Search = append(r.Search, rt.Service+"."+rt.Namespace+".svc.cluster.local")
		})), nil},
		{"a short name, and the search list has another Service", all(calls(2, "derl@"+rt.Name(2)), resolving(func(r *recording.Resolver) { r.Search = append(r.Search, "web."+rt.Namespace+".svc.cluster.local") })),
			[]want{{pod(2), check.Fail, "short-name", nil}}},
		{"a short name in /etc/hosts", all(calls(2, "derl@"+rt.Name(2)), resolving(func(r *recording.Resolver) { r.Hosts = append(r.Hosts, rt.IP(2)+" x "+rt.Name(2)) })), nil},
		{"a short name, and no resolv.conf was read", all(calls(2, "derl@"+rt.Name(2)), func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Resolver != nil }) }),
			[]want{{pod(2), check.Fail, "short-name", nil}}},
		{"an address of somebody else", calls(2, "derl@10.244.9.9"), []want{{pod(2), check.Fail, "other-host", []string{"derl@10.244.9.9", "the pod's address is " + rt.IP(2)}}}},
		{"the loopback", calls(2, "derl@127.0.0.1"), []want{{pod(2), check.Fail, "other-host", []string{"derl@127.0.0.1"}}}},
		{"a name of another pod", calls(2, "derl@other."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), []want{{pod(2), check.Fail, "other-host", []string{"no name of the pod " + rt.Name(2)}}}},
		{"nothing behind the @", calls(2, "derl@"), []want{{pod(2), check.Fail, "no-host", []string{`"derl@"`, "empty"}}}},
		{"the name that a StatefulSet gives", calls(2, "derl@"+fqdn), nil},
		{"the address with dashes, in a Service's zone", calls(2, "derl@10-244-0-4."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), nil},
		{"the address with dashes, in the pods' zone", calls(2, "derl@10-244-0-4."+rt.Namespace+".pod.cluster.local"), nil},
		{"a name of another DNS", calls(2, "derl@two.shop.example"), []want{{pod(2), check.NotApplicable, "", []string{"derl@two.shop.example", "outside of the cluster's DNS"}}}},
	})
}

// resolving changes how all pods resolve names.
func resolving(change func(r *recording.Resolver)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Resolver != nil }, func(e *recording.Event) {
			r := *e.Resolver
			r.Search, r.Hosts = slices.Clone(r.Search), slices.Clone(r.Hosts)
			change(&r)
			e.Resolver = &r
		})
	}
}
