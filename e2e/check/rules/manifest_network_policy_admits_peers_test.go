package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestNetworkPolicyAdmitsPeers(t *testing.T) {
	const from = `"from":[{"podSelector":{"matchLabels":{"app":"derl"}}}]`
	passes := []want{{deployment, check.Pass, "", nil}}
	dns := `{"ports":[{"port":53,"protocol":"UDP"}]}`
	out := `{"to":[{"podSelector":{}}]}`
	try(t, "manifest/network-policy-admits-peers", []trial{
		{"none", func(*rt.Recording) {}, []want{{deployment, check.NotApplicable, "", []string{"no NetworkPolicy"}}}},
		{"not recorded", func(s *rt.Recording) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", []string{"not recorded"}}}},
		{"both ports", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369},{"port":"dist"}]}]`), passes},
		{"all ports of peers", networkPolicy(`"ingress":[{` + from + `}]`), passes},
		{"admits all", networkPolicy(`"ingress":[{}],"egress":[{}],"policyTypes":["Ingress","Egress"]`), passes},
		{"a range", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4000,"endPort":11000}]}]`), passes},
		{"a namespace, who knows", networkPolicy(`"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"shop"}}}]}]`), passes},
		{"addresses, who knows", networkPolicy(`"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]`), passes},
		{"selects others", object("NetworkPolicy", "guard", `{"spec":{"podSelector":{"matchLabels":{"app":"postgres"}},"ingress":[]}}`), passes},
		{"by expressions", object("NetworkPolicy", "guard", `{"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"NotIn","values":["derl"]}]},"ingress":[]}}`), passes},
		{"nothing at all", networkPolicy(`"ingress":[]`), fails("peers-closed", "guard", "4369 and 10000", "whether this one does is not known", "matchLabels: {app: derl}", "{port: 10000}", "get networkpolicy guard")},
		{"by an expression that fits", object("NetworkPolicy", "guard", `{"metadata":{"name":"guard"},"spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["derl"]},{"key":"app","operator":"Exists"},{"key":"old","operator":"DoesNotExist"}]}}}`), fails("peers-closed", "guard")},
		{"other pods", networkPolicy(`"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"front"}}}]}]`), fails("peers-closed")},
		{"epmd only", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369}]}]`), fails("dist-closed", "distribution port 10000")},
		{"distribution only", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":10000}]}]`), fails("epmd-closed", "epmd port 4369")},
		{"the distribution port by UDP", networkPolicy(`"ingress":[{` + from + `,"ports":[{"port":4369},{"port":10000,"protocol":"UDP"}]}]`), fails("dist-closed")},
		{"without epmd", all(literal("ERL_DIST_PORT", "10000"), networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":10000}]}]`)), passes},
		{"no port is declared", all(networkPolicy(`"ingress":[{`+from+`,"ports":[{"port":4369}]}]`), func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.DistPort = 0 }) }), passes},
		{"no DNS", networkPolicy(`"policyTypes":["Egress"],"egress":[{"to":[{"podSelector":{}}],"ports":[{"port":4369},{"port":10000}]}]`), fails("dns-closed", "port 53")},
		{"DNS and peers", networkPolicy(`"policyTypes":["Egress"],"egress":[` + dns + `,` + out + `]`), passes},
		{"DNS only", networkPolicy(`"egress":[` + dns + `],"ingress":[{}]`), fails("peers-closed", "allows no traffic from its pods to")},
	})
}
