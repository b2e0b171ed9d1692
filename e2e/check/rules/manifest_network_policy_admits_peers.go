package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestNetworkPolicyAdmitsPeers() check.Check {
	return check.Check{
		ID: "manifest/network-policy-admits-peers", Title: "allows traffic between peers and to DNS in its NetworkPolicies", Rung: check.Manifest, Level: check.Required, Scenario: "formation",
		Why:    "A policy that selects a pod forbids all traffic that it does not list. Peers need the epmd port and the distribution port of each other, and DNS to find each other.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
		Causes: map[string][]string{
			"peers-closed": check.From(check.EPMD), "epmd-closed": check.From(check.EPMD), "dist-closed": check.From(check.Dist), "dns-closed": check.NeedsMesh("dns/*", "discovery/*"),
		},
		Judge: func(v *view.View) []check.Finding {
			return objects.OfWorkloads(v, func(m *objects.Manifests, w *manifest.Workload) []check.Finding { return admits(v, m, w) })
		},
	}
}

const enforced = "; not every cluster enforces NetworkPolicies, and whether this one does is not known"

// portOf is one port that peers need.
type portOf struct {
	code, what string
	number     int
}

// needed are the ports that peers use: without epmd only the distribution port, which is then known.
func needed(v *view.View, m *objects.Manifests, w *manifest.Workload) []portOf {
	epmd, dist := m.PeerPorts(w, v.Profile.EPMDPort, v.Profile.DistPort)
	var all []portOf
	if epmd != 0 {
		all = append(all, portOf{"epmd-closed", "epmd", epmd})
	}
	if dist != 0 {
		all = append(all, portOf{"dist-closed", "distribution", dist})
	}
	return all
}

// admits has a finding for each thing that the policies over w close, for each direction by itself, else one that passes.
func admits(v *view.View, m *objects.Manifests, w *manifest.Workload) []check.Finding {
	one := check.Finding{Subject: check.OnObject(w.Kind, w.Name), Outcome: check.Pass}
	in, inRules := m.PoliciesOver(w, networkingv1.PolicyTypeIngress)
	out, outRules := m.PoliciesOver(w, networkingv1.PolicyTypeEgress)
	switch {
	case len(m.Policies()) == 0:
		one.Skip("the manifests have no NetworkPolicy")
		return []check.Finding{one}
	case w.Pod().HostNetwork:
		one.Skip("the pods of " + w.String() + " use hostNetwork: most clusters do not apply policies to them")
		return []check.Finding{one}
	}
	var all []check.Finding
	closed := func(policies []string, code, message, remedy string) {
		f := one
		f.Fail(code, message+enforced, remedy)
		f.Try = objects.Kubectl(v, "get networkpolicy "+strings.Join(policies, " ")+" -o yaml")
		all = append(all, f)
	}
	ports := needed(v, m, w)
	if len(in) > 0 {
		for _, b := range together(blocked(w, inRules, ports), len(ports)) {
			closed(in, b.code, fmt.Sprintf("%s no traffic from peers to %s of the nodes", allow(in), b.what), "add ingress: [{from: "+peers(w, b.ports))
		}
	}
	if len(out) > 0 {
		for _, b := range together(blocked(w, outRules, ports), len(ports)) {
			closed(out, b.code, fmt.Sprintf("%s no traffic from its pods to %s of the nodes", allow(out), b.what), "add egress: [{to: "+peers(w, b.ports))
		}
		if access := m.DNSThrough(w, outRules); access != objects.DNSOpen {
			closed(out, "dns-closed", fmt.Sprintf("%s no DNS queries from %s (port 53)%s", allow(out), w, whyNoDNS(access, outRules)),
				"add egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]")
		}
	}
	if len(all) == 0 {
		return []check.Finding{one}
	}
	return all
}

// allow are the policies with their verb.
func allow(policies []string) string {
	if len(policies) == 1 {
		return "NetworkPolicy " + policies[0] + " allows"
	}
	return "NetworkPolicies " + check.List(policies) + " allow"
}

// whyNoDNS says which rule looks as if it opened DNS.
func whyNoDNS(access objects.DNSAccess, rules []manifest.PolicyRule) string {
	switch access {
	case objects.DNSByTCP:
		return ": it opens port 53 for TCP, which is what a port without protocol means, and DNS asks by UDP"
	case objects.DNSOwn:
		return ": its podSelector for the DNS server has no namespaceSelector beside it, so it means pods of this namespace, and the DNS server is in kube-system"
	case objects.DNSNobody:
		if len(rules) > 0 {
			return ": its egress rules lead only to pods that are not the cluster's DNS server, which is in another namespace (kube-system)"
		}
	}
	return ""
}

// closing is what one finding is about.
type closing struct {
	code, what string
	ports      []portOf
}

// together makes one thing of all ports where none of several is open: nothing is admitted at all.
func together(blocked []portOf, of int) []closing {
	if len(blocked) == of && of > 1 {
		return []closing{{"peers-closed", fmt.Sprintf("ports %d and %d", blocked[0].number, blocked[1].number), blocked}}
	}
	var all []closing
	for _, p := range blocked {
		all = append(all, closing{p.code, fmt.Sprintf("%s port %d", p.what, p.number), []portOf{p}})
	}
	return all
}

// blocked are the ports that no rule opens between pods of w.
func blocked(w *manifest.Workload, rules []manifest.PolicyRule, ports []portOf) []portOf {
	return slices.DeleteFunc(slices.Clone(ports), func(p portOf) bool {
		return slices.ContainsFunc(rules, func(r manifest.PolicyRule) bool {
			return r.ReachesPods(w.Namespace, w.Labels()) && r.Opens(w, p.number, corev1.ProtocolTCP)
		})
	})
}

// peers is the rest of the rule that would open the ports to them.
func peers(w *manifest.Workload, ports []portOf) string {
	var all []string
	for _, p := range ports {
		all = append(all, fmt.Sprintf("{port: %d}", p.number))
	}
	return "[{podSelector: {matchLabels: {" + objects.LabelSet(w.Labels()) + "}}}], ports: [" + strings.Join(all, ", ") + "]}]"
}
