package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDNSPeersExist(t *testing.T) {
	lone := func(questions ...recording.Question) func(s *rt.Recording) {
		return all(lonely, asksFor(1, questions...))
	}
	srv := recording.Question{Name: "_dist._tcp." + rt.DNSName, Type: "SRV", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
	const svc = ".svc.cluster.local"
	try(t, "dns/peers-exist", slices.Concat([]trial{
		{"pods of another namespace", lone(nxdomain("derl-0.derl.default.svc.cluster.local"), nxdomain("derl-1.derl.default.svc.cluster.local")),
			pod1Fails("no-such-name", "queries derl-0.derl.default.svc.cluster.local", "no peer name that exists", "namespace "+rt.Namespace, "derl-1.derl.default", "12 × NXDOMAIN")},
		{"another Service, and a pod's name", lone(nxdomain(rt.Name(2) + ".other." + rt.Namespace + ".svc.cluster.local")), pod1Fails("no-such-name", rt.Name(2)+".other")},
		{"a port without a name", lone(srv), pod1Fails("no-such-port", "Service derl has no port with the name dist", "epmd 4369", "_dist._tcp")},
		{"a Service of another name", lone(nxdomain("drel." + rt.Namespace + svc)), pod1Fails("no-such-service", "queries drel."+rt.Namespace+svc, "selects the nodes, derl in namespace "+rt.Namespace, "12 × NXDOMAIN", "with the name "+rt.DNSName)},
		{"a Service of another name, by SRV", lone(nxdomain("_dist._tcp.drel." + rt.Namespace + svc)), pod1Fails("no-such-service", "_dist._tcp.drel")},
		{"a Service of another name that is there", lone(answered("redis." + rt.Namespace + svc)), nil},
		{"another Service, and the right one, too early", lone(nxdomain("redis."+rt.Namespace+svc), nxdomain(rt.DNSName)), nil},
		{"another Service, and the API", lone(nxdomain("redis."+rt.Namespace+svc), answered("kubernetes.default"+svc)), nil},
		{"another Service, and the mesh is full", asksFor(1, nxdomain("redis."+rt.Namespace+svc)), nil},
		{"a Service with a cluster IP", asksUsersService(1), []want{{pod(1), check.Unseen, "", []string{"gets only 10.96.7.7, the virtual address of Service derl-users"}}}},
		{"a port without a name, just after the API server was away", all(lone(srv), func(s *rt.Recording) {
			s.Add(recording.Event{T: 5 * time.Second, By: recording.ByKube, Gap: &recording.Gap{From: time.Second, To: 5 * time.Second, Why: "the API server did not answer"}})
		}), []want{{pod(1), check.Unseen, "", []string{"queries only names that do not exist; but the API server was away until", "may need 1m30s"}}}},
		{"one of them exists", lone(nxdomain("derl-9.derl."+rt.Namespace+".svc.cluster.local"), answered("derl-0.derl."+rt.Namespace+".svc.cluster.local")), nil},
		{"the Service, before any pod was Ready", lone(nxdomain(rt.DNSName)), nil},
		{"a full mesh all the same", asksFor(1, srv), nil},
		{"nobody's names", lone(nxdomain("otel-collector.other.svc.cluster.local"), nxdomain("derl.example")), nil},
		{"through the search list", lone(nxdomain(rt.DNSName+".svc.cluster.local"), nxdomain(rt.DNSName+".cluster.local")), nil},
		{"unanswered", lone(recording.Question{Name: "derl-0." + rt.DNSName, Type: "A", Count: 1}), nil},
		{"no pod is Ready", all(lone(srv), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Ready = false })
		}), []want{{whole, check.Unseen, "", []string{"no pod is Ready"}}}},
		{"no resolv.conf", all(lone(srv), func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Resolver != nil && e.Resolver.Pod == rt.UID(1) })
		}), []want{{pod(1), check.Unseen, "", []string{"resolv.conf"}}}},
	}, unheardQuestions()))
}
