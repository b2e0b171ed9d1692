package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestServiceHeadless(t *testing.T) {
	isService := func(e recording.Event) bool { return e.Service != nil }
	// asWritten is all that lint has: manifests, one of which says something else.
	asWritten := func(was, is string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Object == nil })
			rewrite("Service", was, is)(s)
		}
	}
	users := object("Service", "shop", `{"apiVersion":"v1","metadata":{"name":"shop"},"spec":{"selector":{"app":"derl"},"ports":[{"port":80}]}}`)
	try(t, "service/headless", []trial{
		{"cluster IP", func(s *rt.Recording) {
			s.Change(isService, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
		}, []want{{svc, check.Fail, "not-headless", []string{"Service derl has cluster IP 10.96.7.7", "clusterIP: None", "-n " + rt.Namespace}}}},
		{"headless, and they ask for another", asksUsersService(1), []want{{svc, check.Fail, "virtual-ip", []string{
			rt.Name(1) + " asks DNS for derl-users." + rt.Namespace + ".svc.cluster.local and gets only 10.96.7.7, the virtual address of Service derl-users; the headless Service of these pods is derl",
			"ask for " + rt.DNSName}}}},
		{"they ask for another, as a variable says", all(asksUsersService(1), rewrite("Deployment", `derl.$(NAMESPACE).svc`, `derl-users.$(NAMESPACE).svc`)),
			[]want{{svc, check.Fail, "virtual-ip", []string{"write " + rt.DNSName + " into env DISCOVERY_NAME of container derl, which names Service derl-users now"}}}},
		{"they ask for another, as a variable says by its short name", all(asksUsersService(1), object("Service", "derl-users", `{"apiVersion":"v1","metadata":{"name":"derl-users"},"spec":{"selector":{"app":"derl"},"ports":[{"port":80}]}}`), asksBy("DNS_CLUSTER_QUERY", "derl-users")),
			[]want{{svc, check.Fail, "virtual-ip", []string{"write derl into env DNS_CLUSTER_QUERY of container derl, which names Service derl-users now"}}}},
		{"they ask for another, and the mesh is full", func(s *rt.Recording) {
			asksUsersService(1)(s)
			s.Events = rt.Formation(3).Events
			s.Add(recording.Event{T: 400 * time.Millisecond, By: "kube", Service: &recording.Service{Name: "derl-users", ClusterIP: "10.96.7.7"}})
		}, nil},
		{"none among the manifests", noService, []want{{"service (none)", check.Fail, "no-service", []string{"no Service"}}}},
		{"none, and no cluster is meant", func(s *rt.Recording) { noService(s); means(s, profile.NoMesh) }, []want{{"service (none)", check.NotApplicable, "", []string{"no connections between nodes"}}}},
		{"as written, a cluster IP", asWritten(`"clusterIP":"None",`, ``), []want{{svc, check.Fail, "not-headless", []string{"Service derl will have a cluster IP", "clusterIP: None"}}}},
		{"as written, a cluster IP that nobody asks for", all(asWritten(`"clusterIP":"None",`, ``), rewrite("Deployment", `derl.$(NAMESPACE).svc.cluster.local`, `x`)),
			[]want{{svc, check.NotApplicable, "", []string{"nothing in the manifests queries DNS"}}}},
		{"as written, a pod below a cluster IP", all(asWritten(`"clusterIP":"None",`, ``), rewrite("Deployment", `derl.$(NAMESPACE).svc.cluster.local`, `$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local`)),
			[]want{{svc, check.NotApplicable, "", []string{"nothing in the manifests queries DNS"}}}},
		{"as written, headless", asWritten(`"clusterIP"`, `"clusterIP"`), nil},
		{"as written, elsewhere", asWritten(`"name":"derl"`, `"name":"other"`), []want{{svc, check.NotApplicable, "", []string{"Service derl is not in the manifests"}}}},
		{"as written, another one of these pods, which is not headless", all(asWritten(`"clusterIP"`, `"clusterIP"`), users, asksBy("DNS_CLUSTER_QUERY", "shop.prod.svc.cluster.local")),
			[]want{{"service shop", check.Fail, "virtual-ip", []string{"env DNS_CLUSTER_QUERY of container derl", "Service shop will have a cluster IP", "derl.prod.svc.cluster.local"}}}},
		{"as written, another one by its short name", all(asWritten(`"clusterIP"`, `"clusterIP"`), users, asksBy("DNS_CLUSTER_QUERY", "shop")), []want{{"service shop", check.Fail, "virtual-ip", nil}}},
		{"as written, another one in a variable of any name", all(asWritten(`"clusterIP"`, `"clusterIP"`), users, asksBy("SHOP_CLUSTER_SERVICE", "shop.prod.svc.cluster.local"), literal("CLUSTER_SERVICE", "shop.prod.svc")), []want{{"service shop", check.Fail, "virtual-ip", nil}}},
		{"as written, another one for users, which nothing asks for", all(asWritten(`"clusterIP"`, `"clusterIP"`), users, literal("PUBLIC_URL", "http://shop.prod.svc")), nil},
		{"as written, another one that the API is asked for", all(asWritten(`"clusterIP"`, `"clusterIP"`), users, asksBy("EMQX_CLUSTER__K8S__SERVICE_NAME", "shop")), nil},
		{"as written, the only one, by its short name", all(asWritten(`"clusterIP":"None",`, ``), asksBy("DNS_CLUSTER_QUERY", "derl")), []want{{svc, check.Fail, "not-headless", nil}}},
		{"not reported", func(s *rt.Recording) { s.Drop(isService) }, []want{{svc, check.Unseen, "", []string{"derl"}}}},
		{"removed", func(s *rt.Recording) {
			s.Add(recording.Event{T: 9 * time.Second, By: "kube", Service: &recording.Service{Name: rt.Service, ClusterIP: "None", Gone: true}})
		}, []want{{svc, check.Unseen, "", []string{"derl"}}}},
	})
}
