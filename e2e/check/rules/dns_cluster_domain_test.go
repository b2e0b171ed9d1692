package rules_test

import (
	"slices"
	"testing"

	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDNSClusterDomain(t *testing.T) {
	ns := rt.Service + "." + rt.Namespace
	try(t, "dns/cluster-domain", slices.Concat([]trial{
		{"another domain", asksFor(1, nxdomain(ns+".svc.k8s.example")), pod1Fails("wrong-domain", ns+".svc.k8s.example", "cluster.local, not k8s.example", "resolv.conf")},
		{"through the search list", asksFor(1, nxdomain(rt.DNSName+".svc.cluster.local"), nxdomain(rt.DNSName+"."+rt.Namespace+".svc.cluster.local"), answered(rt.DNSName)), nil},
		{"of another Service", asksFor(1, nxdomain("db.other.svc.k8s.example")), nil},
		{"that answers", asksFor(1, answered(ns+".svc.k8s.example")), nil},
	}, unheardQuestions()))
}
