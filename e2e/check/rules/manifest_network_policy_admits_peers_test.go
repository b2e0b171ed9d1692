package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestNetworkPolicyAdmitsPeers(t *testing.T) {
	const from = `"from":[{"podSelector":{"matchLabels":{"app":"derl"}}}]`
	dns := `{"ports":[{"port":53,"protocol":"UDP"}]}`
	out := `{"to":[{"podSelector":{}}]}`
	skips := func(says string) []want { return []want{{deployment, check.NotApplicable, "", []string{says}}} }
	asksAPI := literal("EMQX_CLUSTER__DISCOVERY_STRATEGY", "k8s")
	try(t, "manifest/network-policy-admits-peers", []trial{
		{"none", func(*rt.Recording) {}, []want{{deployment, check.NotApplicable, "", []string{"no NetworkPolicy"}}}},
		{"not recorded", func(s *rt.Recording) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", []string{"not recorded"}}}},
		{"both ports", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369},{"port":"dist"}]}]`), thePass},
		{"all ports of peers", networkPolicy(`"ingress":[{` + from + `}]`), thePass},
		{"admits all", networkPolicy(`"ingress":[{}],"egress":[{}],"policyTypes":["Ingress","Egress"]`), thePass},
		{"a range", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4000,"endPort":11000}]}]`), thePass},
		{"a namespace, who knows", networkPolicy(`"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"shop"}}}]}]`), skips("labels of their namespace")},
		{"addresses, who knows", networkPolicy(`"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]`), skips("only by their addresses")},
		{"all addresses", networkPolicy(`"ingress":[{"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]}]`), thePass},
		{"all namespaces", networkPolicy(`"ingress":[{"from":[{"namespaceSelector":{}}]}]`), thePass},
		{"addresses, and the peers", networkPolicy(`"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}},{"podSelector":{}}]}]`), thePass},
		{"selects others", object("NetworkPolicy", "guard", `{"spec":{"podSelector":{"matchLabels":{"app":"postgres"}},"ingress":[]}}`), thePass},
		{"by expressions", object("NetworkPolicy", "guard", `{"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"NotIn","values":["derl"]}]},"ingress":[]}}`), thePass},
		{"nothing at all", networkPolicy(`"ingress":[]`), fails("peers-closed", "guard", "4369 and 10000", "whether this one does is not known", "matchLabels: {app: derl}", "{port: 10000}", "get networkpolicy guard")},
		{"by an expression that fits", object("NetworkPolicy", "guard", `{"metadata":{"name":"guard"},"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["derl"]},{"key":"app","operator":"Exists"},{"key":"old","operator":"DoesNotExist"}]}}}`), fails("peers-closed", "guard")},
		{"nothing at all, and there is one node", all(rewrite("Deployment", `"replicas":3`, `"replicas":1`), networkPolicy(`"ingress":[]`)), skips("one node only")},
		{"nothing at all, and no mesh is meant", all(func(s *rt.Recording) { means(s, profile.NoMesh) }, networkPolicy(`"ingress":[]`)), skips("no connections between nodes")},
		{"other pods", networkPolicy(`"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"front"}}}]}]`), fails("peers-closed")},
		{"epmd only", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369}]}]`), fails("dist-closed", "distribution port 10000")},
		{"distribution only", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":10000}]}]`), fails("epmd-closed", "epmd port 4369")},
		{"the distribution port by UDP", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369},{"port":10000,"protocol":"UDP"}]}]`), fails("dist-closed")},
		{"without epmd", all(literal("ERL_DIST_PORT", "10000"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":10000}]}]`)), thePass},
		{"no port is declared, and only epmd's is open", all(networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369}]}]`), unpinned), fails("dist-closed", "on epmd's port 4369 only", "pin the distribution port")},
		{"no port is declared, and some are open", all(networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369},{"port":9100}]}]`), unpinned), skips("do not tell the distribution port")},
		{"no port is declared, and all are open", all(networkPolicy(`"ingress":[{`+from+`}]`), unpinned), thePass},
		{"the API", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[`+dns+`,`+out+`]`)), fails("api-closed", "no traffic from its pods to the Kubernetes API", "EMQX_CLUSTER__DISCOVERY_STRATEGY")},
		{"the API, and a database", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[{"ports":[{"port":53,"protocol":"UDP"},{"port":5432}]},`+out+`]`)), fails("api-closed")},
		{"the API by its port", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[{"ports":[{"port":53,"protocol":"UDP"},{"port":6443}]},`+out+`]`)), thePass},
		{"the API on some port", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[{"ports":[{"port":53,"protocol":"UDP"},{"port":7443}]},`+out+`]`)), thePass},
		{"the API by its address", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[`+dns+`,`+out+`,{"to":[{"ipBlock":{"cidr":"172.18.0.2/32"}}],"ports":[{"port":6443}]}]`)), thePass},
		{"the API as a pod", all(asksAPI, networkPolicy(`"policyTypes":["Egress"],"egress":[`+dns+`,`+out+`,{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}},"podSelector":{"matchLabels":{"component":"kube-apiserver"}}}]}]`)), thePass},
		{"the API, which nobody asks", networkPolicy(`"policyTypes":["Egress"],"egress":[` + dns + `,` + out + `]`), thePass},
		{"no DNS", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"podSelector":{}}],"ports":[{"port":4369},{"port":10000}]}]`), fails("dns-closed", "port 53")},
		{"DNS and peers", networkPolicy(`"policyTypes":["Egress"],"egress":[` + dns + `,` + out + `]`), thePass},
		{"DNS by its namespace and label", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}},"podSelector":{"matchLabels":{"k8s-app":"kube-dns"}}}],"ports":[{"port":53,"protocol":"UDP"}]},` + out + `]`), thePass},
		{"DNS by the name of its port", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{}}],"ports":[{"port":"dns","protocol":"UDP"}]},` + out + `]`), thePass},
		{"DNS of OpenShift", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"In","values":["openshift-dns"]}]}}],"ports":[{"port":5353,"protocol":"UDP"}]},` + out + `]`), thePass},
		{"DNS by its address", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"ipBlock":{"cidr":"10.96.0.10/32"}}],"ports":[{"port":53,"protocol":"UDP"}]},` + out + `]`), thePass},
		{"DNS of its own", all(networkPolicy(`"policyTypes":["Egress"],"egress":[`+out+`]`),
			object("Deployment", "dns", `{"spec":{"template":{"metadata":{"labels":{"app":"dns"}},"spec":{"containers":[{"name":"dns","ports":[{"containerPort":53,"protocol":"UDP"}]}]}}}}`)), thePass},
		{"everything to everybody", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{}}]}]`), thePass},
		{"everything to own pods only", networkPolicy(`"policyTypes":["Egress"],"egress":[` + out + `]`), fails("dns-closed", "only to pods that are not the cluster's DNS server", "kube-system")},
		{"everything to own pods of all namespaces", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"derl"}}}]}]`), fails("dns-closed")},
		{"DNS to another namespace", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}],"ports":[{"port":53,"protocol":"UDP"}]},` + out + `]`), fails("dns-closed")},
		{"DNS without a protocol", networkPolicy(`"policyTypes":["Egress"],"egress":[{"ports":[{"port":53}]},` + out + `]`), fails("dns-closed", "for TCP, which is what a port without protocol means")},
		{"DNS without a protocol, and a resolver that uses TCP", all(podField(`"dnsConfig":{"options":[{"name":"use-vc"}]}`), networkPolicy(`"policyTypes":["Egress"],"egress":[{"ports":[{"port":53}]},`+out+`]`)), thePass},
		{"DNS without its namespace", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"podSelector":{"matchLabels":{"k8s-app":"kube-dns"}}}],"ports":[{"port":53,"protocol":"UDP"}]},` + out + `]`), fails("dns-closed", "no namespaceSelector beside it")},
		{"another port of the namespace of DNS", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}}}],"ports":[{"port":443}]},` + out + `]`), fails("dns-closed")},
		{"peers of another namespace", networkPolicy(`"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}}}]}]`), fails("peers-closed")},
		{"on the machine's network", all(podField(`"hostNetwork":true`), networkPolicy(`"ingress":[]`)), []want{{deployment, check.NotApplicable, "", []string{"hostNetwork"}}}},
		{"two policies that open one port each", all(networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369}]}]`),
			object("NetworkPolicy", "more", `{"spec":{"podSelector":{},"ingress":[{`+from+`,"ports":[{"port":"dist"}]}]}}`)), thePass},
		{"RabbitMQ's port, which nothing declares", all(unpinned, literal("RABBITMQ_NODENAME", "rabbit@x"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369},{"port":5672}]}]`)), fails("dist-closed", "distribution port 25672")},
		{"RabbitMQ on another port", all(unpinned, literal("RABBITMQ_NODENAME", "rabbit@x"), literal("RABBITMQ_NODE_PORT", "5673"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369},{"port":25673}]}]`)), thePass},
		{"a port from the flags", all(unpinned, args("-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max", "9105"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369},{"port":10000}]}]`)), fails("dist-closed", "distribution port 9100")},
		{"a port from a file, by a variable", all(unpinned, literal("DIST_PORT", "9200"), config("vm.args", "-kernel inet_dist_listen_min ${DIST_PORT}\n"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369}]}]`)), fails("dist-closed", "distribution port 9200")},
		{"EMQX, which has no epmd", all(unpinned, literal("EMQX_NODE__NAME", "emqx@x"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4370},{"port":5370}]}]`)), thePass},
		{"EMQX, and epmd is open in vain", all(unpinned, literal("EMQX_NODE__NAME", "emqx@x"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369}]}]`)), fails("dist-closed", "distribution port 4370")},
		{"DNS only", networkPolicy(`"egress":[` + dns + `],"ingress":[{}]`), fails("peers-closed", "allows no traffic from its pods to")},
	})
}

// unpinned is a profile that knows no distribution port.
func unpinned(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.DistPort = 0 }) }

// Each closed thing is a finding of its own, for each direction.
func TestEachClosedThingIsAFinding(t *testing.T) {
	const to = `"podSelector":{"matchLabels":{"app":"derl"}}`
	for name, c := range map[string]struct {
		policy func(s *rt.Recording)
		want   []string
	}{
		"nothing is open": {networkPolicy(`"policyTypes":["Ingress","Egress"]`), []string{"peers-closed", "peers-closed", "dns-closed"}},
		"a port is missing, and DNS": {all(networkPolicy(`"policyTypes":["Ingress","Egress"]`),
			object("NetworkPolicy", "derl", `{"spec":{"podSelector":{"matchLabels":{"app":"derl"}},"policyTypes":["Ingress","Egress"],"ingress":[{"from":[{`+to+`}],"ports":[{"port":4369}]}],"egress":[{"to":[{`+to+`}]}]}}`)),
			[]string{"dist-closed", "dns-closed"}},
		"one port in, the other out": {networkPolicy(`"ingress":[{"ports":[{"port":4369}]}],"egress":[{"ports":[{"port":10000},{"port":53,"protocol":"UDP"}]}]`), []string{"dist-closed", "epmd-closed"}},
	} {
		s := healthy("formation", 3)
		c.policy(s)
		v, got := fold(t, s), []string(nil)
		for _, one := range rules.All() {
			if one.ID != "manifest/network-policy-admits-peers" {
				continue
			}
			for _, f := range one.Judge(v) {
				got = append(got, f.Code)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
