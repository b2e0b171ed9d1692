package rules_test

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// written leaves only what lint has: the manifests.
func written(changes ...func(s *rt.Recording)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool { return e.Object == nil })
		all(changes...)(s)
	}
}

// asksBy replaces the variable by which the recordings' Deployment finds its peers.
func asksBy(name, value string) func(s *rt.Recording) {
	return all(rewrite("Deployment", `{"name":"DISCOVERY_NAME","value":"derl.$(NAMESPACE).svc.cluster.local"},`, ``), literal(name, value))
}

func TestManifestDiscoveryFindsPeers(t *testing.T) {
	const fqdn = "derl@$(POD_NAME).derl.prod.svc.cluster.local"
	podName := env("POD_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}`)
	byHost := all(literal("RELEASE_NODE", fqdn), podName)
	byAddress := rewrite("Deployment", `"env":[{"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},`,
		`"env":[{"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},{"name":"RELEASE_NODE","value":"derl@$(POD_IP)"},`)
	exs := func(text string) func(s *rt.Recording) {
		return all(rewrite("Deployment", `"DISCOVERY_NAME"`, `"SOMETHING"`), config("runtime.exs", text))
	}
	const dns, srv = "topologies: [x: [strategy: Cluster.Strategy.Kubernetes.DNS, config: [service: \"derl\", application_name: \"derl\"]]]\n",
		"topologies: [x: [strategy: Cluster.Strategy.Kubernetes.DNSSRV, config: [service: \"derl\", namespace: \"prod\"]]]\n"
	const api = "strategy: Cluster.Strategy.Kubernetes, config: [mode: :ip, kubernetes_selector: \"app=derl\""
	labelled := rewrite("Service", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","labels":{"app":"derl"}}`)
	skips := func(says ...string) []want { return []want{{deployment, check.NotApplicable, "", says}} }
	seeds := func(list string) func(s *rt.Recording) {
		return written(stateful("derl"), asksOnStatefulSet("COUCHDB_SEEDLIST", list))
	}
	try(t, "manifest/discovery-finds-peers", slices.Concat([]trial{
		{"on a cluster, names are seen", func(*rt.Recording) {}, skips("what the nodes really ask for is seen")},
		{"a name that fits", written(), thePass},
		{"nothing", written(asksBy("SOMETHING", "derl")), skips("nothing in the manifests shows")},
		{"no mesh is meant", written(asksBy("DNS_CLUSTER_QUERY", "drel"), func(s *rt.Recording) { means(s, profile.NoMesh) }), skips("no connections")},

		{"VerneMQ's selector", asksBy("DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app=vernemq,release=x"), fails("selector-fits-nothing", "DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app=vernemq,release=x", "{app: derl}", "app=derl")},
		{"a selector that fits", asksBy("DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app=derl"), thePass},
		{"a selector in the form of a URL", asksBy("DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app%3Dderl"), thePass},
		{"a selector with a set", asksBy("K8S_SELECTOR", "app in (derl, web)"), skips("nothing in the manifests")},
		{"a selector that fits the Service", all(asksBy("LIBCLUSTER_KUBERNETES_SELECTOR", "part=nodes"), rewrite("Service", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","labels":{"part":"nodes"}}`)), thePass},
		{"a selector of libcluster", asksBy("LIBCLUSTER_KUBERNETES_SELECTOR", "app=drel"), fails("selector-fits-nothing", "LIBCLUSTER_KUBERNETES_SELECTOR")},
		{"a selector for machines", asksBy("POD_NODE_SELECTOR", "disk=ssd"), skips("nothing in the manifests")},
		{"a selector of Kubernetes' own labels", asksBy("K8S_SELECTOR", "statefulset.kubernetes.io/pod-name=derl-0"), thePass},
		{"libcluster's Endpoints, and the Service has no labels", exs(api + "]"), fails("selector-fits-nothing", "Endpoints have the labels of their Service", "Service derl has {}", "kubernetes_ip_lookup_mode: :pods")},
		{"libcluster's Endpoints, and the Service has the label", all(exs(api+"]"), labelled), thePass},
		{"libcluster's pods", exs(api + ", kubernetes_ip_lookup_mode: :pods]"), thePass},
		{"a script's pods", all(asksBy("X", "y"), args("sh", "-c", "curl -s https://kubernetes.default.svc/api/v1/namespaces/$NS/pods?labelSelector=app%3Ddrel")), fails("selector-fits-nothing", "args of container derl")},
		{"kubectl's pods", all(asksBy("X", "y"), args("sh", "-c", "kubectl get pods -l app=derl -o name")), thePass},
		{"a selector with a variable", asksBy("DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app=$(RELEASE)"), skips("nothing in the manifests")},

		{"another Service", written(asksBy("DNS_CLUSTER_QUERY", "drel-headless")), fails("no-such-service", "env DNS_CLUSTER_QUERY", "Service drel-headless", "derl selects the pods")},
		{"another Service, in full", written(asksBy("DNS_CLUSTER_QUERY", "drel.prod.svc.cluster.local")), fails("no-such-service", "Service drel")},
		{"another Service, and these pods have none", written(asksBy("DNS_CLUSTER_QUERY", "drel"), rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"web"}`)), []want{{deployment, check.Unseen, "", []string{"Service drel (drel), which is not in the manifests"}}}},
		{"EMQX's Service by the API", written(asksBy("EMQX_CLUSTER__K8S__SERVICE_NAME", "broker-headless")), fails("no-such-service", "broker-headless")},
		{"a Service of a database", written(asksBy("REDIS_CLUSTER_SERVICE", "redis-headless")), skips("nothing in the manifests")},
		{"a cluster of something, who knows", written(asksBy("SEARCH_HEADLESS_SERVICE", "search-nodes")), skips("not in the manifests")},
		{"a cluster of something, in full", written(asksBy("SEARCH_HEADLESS_SERVICE", "search-nodes.prod.svc")), skips("not in the manifests")},
		{"the records of something", written(asksBy("SEARCH", "_http._tcp.search.prod.svc.cluster.local")), skips("not in the manifests")},
		{"a port that is not there, in a variable of its own name", written(asksBy("PEERS", "_erl._tcp.derl.prod.svc.cluster.local")), fails("no-such-port")},
		{"another namespace", written(asksBy("DNS_CLUSTER_QUERY", "drel.other.svc.cluster.local"), rewrite("Deployment", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","namespace":"prod"}`)), skips("in another namespace")},
		{"its own Service in another namespace", written(asksBy("DNS_CLUSTER_QUERY", "derl.other.svc.cluster.local"), rewrite("Deployment", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","namespace":"prod"}`), rewrite("Service", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","namespace":"prod"}`)),
			fails("other-namespace", "is in namespace other", "write derl.prod.svc.cluster.local")},
		{"an address of one's own", written(asksBy("DISCOVERY_NAME", "10.0.0.7"), literal("CLUSTER_DNS", "localhost")), skips("nothing in the manifests")},
		{"a port that is there", written(asksBy("DISCOVERY_NAME", "_dist._tcp.derl.prod.svc.cluster.local")), thePass},
		{"a port that is not there", written(asksBy("DISCOVERY_NAME", "_erlang._tcp.derl.prod.svc.cluster.local")), fails("no-such-port", "no port with the name erlang", "epmd and dist")},

		{"dns_cluster, and hosts", written(byHost, asksBy("DNS_CLUSTER_QUERY", "derl")), fails("addresses-for-hosts", "RELEASE_NODE="+fqdn, "A records")},
		{"dns_cluster, and addresses", written(byAddress, asksBy("DNS_CLUSTER_QUERY", "derl")), thePass},
		{"libcluster's DNS, and hosts", written(byHost, exs(dns)), fails("addresses-for-hosts", "runtime.exs in ConfigMap derl-config")},
		{"libcluster's DNSSRV, and hosts", written(byHost, exs(srv)), thePass},
		{"libcluster's DNSSRV, and addresses", written(byAddress, exs(srv)), fails("hosts-for-addresses", "SRV records", "derl@$(POD_IP)")},
		{"EMQX's A records, and hosts", written(literal("EMQX_NODE__NAME", "emqx@$(POD_NAME).derl.prod.svc.cluster.local"), podName, asksBy("EMQX_CLUSTER__DNS__NAME", "derl.prod.svc.cluster.local"), literal("EMQX_CLUSTER__DNS__RECORD_TYPE", "a")), fails("addresses-for-hosts")},
		{"EMQX's SRV records, and hosts", written(literal("EMQX_NODE__NAME", "emqx@$(POD_NAME).derl.prod.svc.cluster.local"), podName, asksBy("EMQX_CLUSTER__DNS__NAME", "derl.prod.svc.cluster.local"), literal("EMQX_CLUSTER__DNS__RECORD_TYPE", "srv")), thePass},
		{"records of an unknown kind, and hosts", written(byHost), thePass},

		{"a list below another Service", seeds("couchdb@derl-0.nodes.prod.svc.cluster.local,couchdb@derl-1.nodes.prod.svc.cluster.local"), onStatefulSet(check.Fail, "other-service", "COUCHDB_SEEDLIST", "below Service derl (its serviceName)", "write derl instead of nodes")},
		{"a list below its own", seeds("couchdb@derl-0.derl.prod.svc.cluster.local"), onStatefulSet(check.Pass, "")},
		{"a list of others", seeds("couchdb@main-0.main.prod.svc.cluster.local"), onStatefulSet(check.NotApplicable, "", "no pod of StatefulSet derl")},
		{"a list of pods that are not there", seeds("couchdb@drel-0.derl.prod.svc.cluster.local"), onStatefulSet(check.Fail, "no-such-pod", "names the pod drel-0", "derl-N")},
		{"libcluster's names, and others", written(byAddress, exs(strings.Replace(dns, `application_name: "derl"`, `application_name: "web"`, 1))), fails("other-name", "web@…", "derl@$(POD_IP)", "write derl instead of web")},
		{"bare names, and long ones", written(byHost, asksBy("DISCOVERY_NODES", "derl@derl-0 derl@derl-1")), fails("short-seeds", "derl@derl-0", fqdn)},
		{"a suffix below another Service", written(config("rabbitmq.conf", "cluster_formation.k8s.hostname_suffix = .nodes.prod.svc.cluster.local\n"), stateful("derl")), onStatefulSet(check.Fail, "other-service", "rabbitmq.conf")},
		{"a suffix below its own", written(config("rabbitmq.conf", "cluster_formation.k8s.hostname_suffix = .derl.prod.svc.cluster.local\n"), stateful("derl")), onStatefulSet(check.Pass, "")},
	}, unreadable()))
}

// asksOnStatefulSet is asksBy where a StatefulSet was made of the Deployment.
func asksOnStatefulSet(name, value string) func(s *rt.Recording) {
	return rewrite("StatefulSet", `{"name":"DISCOVERY_NAME","value":"derl.$(NAMESPACE).svc.cluster.local"},`, `{"name":"`+name+`","value":"`+value+`"},`)
}
