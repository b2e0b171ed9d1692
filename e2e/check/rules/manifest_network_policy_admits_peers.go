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
		Why:    "A policy that selects a pod forbids all traffic that it does not list. Peers need the epmd port and the distribution port of each other, and DNS or the Kubernetes API to find each other.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
		Causes: map[string][]string{
			"peers-closed": check.From(check.EPMD), "epmd-closed": check.From(check.EPMD), "dist-closed": check.From(check.Dist), "dns-closed": check.NeedsMesh("dns/*", "discovery/*"),
			"api-closed": append(check.NeedsLinks(), "discovery/alive"),
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
	case m.Single(), v.MeansNoMesh():
		one.Skip("there is one node only, or no connections between nodes are expected: no peer has to be reached")
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
		for _, b := range together(blocked(w, inRules, ports, mayReach), len(ports)) {
			closed(in, b.code, fmt.Sprintf("%s no traffic from peers to %s of the nodes", allow(in), b.what), "add ingress: [{from: "+peers(w, b.ports))
		}
	}
	if len(out) > 0 {
		for _, b := range together(blocked(w, outRules, ports, mayReach), len(ports)) {
			closed(out, b.code, fmt.Sprintf("%s no traffic from its pods to %s of the nodes", allow(out), b.what), "add egress: [{to: "+peers(w, b.ports))
		}
		if access := m.DNSThrough(w, outRules); access != objects.DNSOpen {
			closed(out, "dns-closed", fmt.Sprintf("%s no DNS queries from %s (port 53)%s", allow(out), w, whyNoDNS(access, outRules)),
				"add egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]")
		}
	}
	if a := m.AsksAPI(w); len(out) > 0 && a != nil && a.Not+a.Unsure+a.Beside == "" && !m.MayReachAPI(w, outRules) {
		closed(out, "api-closed", fmt.Sprintf("%s no traffic from its pods to the Kubernetes API, and %s has %s ask it for peers", allow(out), a.Where, a.By),
			"add egress: [{ports: [{port: 443}, {port: 6443}]}]: what counts is the API server's own port, and it is no pod that a podSelector could mean")
	}
	for _, d := range []struct {
		names []string
		rules []manifest.PolicyRule
		rule  string
	}{{in, inRules, "ingress: [{from: "}, {out, outRules, "egress: [{to: "}} {
		if len(all) == 0 && len(d.names) > 0 && len(ports) == 1 && ports[0].code == "epmd-closed" && opensNothingElse(w, d.rules, ports[0].number) {
			closed(d.names, "dist-closed", fmt.Sprintf("%s traffic with peers on epmd's port %d only, and the nodes of %s listen for each other on another one", allow(d.names), ports[0].number, w),
				"pin the distribution port (-kernel inet_dist_listen_min PORT inet_dist_listen_max PORT) and open it, too: add "+d.rule+peers(w, []portOf{{number: ports[0].number}})+" with {port: PORT}")
		}
	}
	if len(all) > 0 {
		return all
	}
	notKnown(w, in, inRules, ports, &one)
	notKnown(w, out, outRules, ports, &one)
	return []check.Finding{one}
}

// notKnown skips what only a cluster shows: whether the pods are among the addresses or in the namespaces that a rule admits, and
// whether the distribution port, where nothing in the manifests tells it, is one that it opens.
func notKnown(w *manifest.Workload, policies []string, rules []manifest.PolicyRule, ports []portOf, f *check.Finding) {
	if len(policies) == 0 || f.Outcome != check.Pass {
		return
	}
	if presumed := blocked(w, rules, ports, surelyReaches); len(presumed) > 0 {
		f.Skip(fmt.Sprintf("%s traffic with peers on %s port %d only by their addresses or by labels of their namespace, which are not in the manifests", allow(policies), presumed[0].what, presumed[0].number))
		return
	}
	dist := slices.ContainsFunc(ports, func(p portOf) bool { return p.code == "dist-closed" })
	every := slices.ContainsFunc(rules, func(r manifest.PolicyRule) bool { return mayReach(w, r) && len(r.Ports) == 0 })
	if !dist && !every {
		f.Skip(fmt.Sprintf("%s traffic with peers on certain ports only, and the manifests do not tell the distribution port", allow(policies)))
	}
}

// opensNothingElse reports whether no rule opens any port but that one to the peers.
func opensNothingElse(w *manifest.Workload, rules []manifest.PolicyRule, port int) bool {
	return !slices.ContainsFunc(rules, func(r manifest.PolicyRule) bool {
		return mayReach(w, r) && (len(r.Ports) == 0 || slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			udp := p.Protocol != nil && *p.Protocol == corev1.ProtocolUDP
			return !udp && (p.Port == nil || p.EndPort != nil || w.TargetPort(*p.Port) != port)
		}))
	})
}

// mayReach and surelyReaches report whether a rule reaches the peers.
func mayReach(w *manifest.Workload, r manifest.PolicyRule) bool {
	return r.ReachesPods(w.Namespace, w.Labels())
}
func surelyReaches(w *manifest.Workload, r manifest.PolicyRule) bool {
	return r.SurelyReachesPods(w.Namespace, w.Labels())
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
func blocked(w *manifest.Workload, rules []manifest.PolicyRule, ports []portOf, reaches func(*manifest.Workload, manifest.PolicyRule) bool) []portOf {
	return slices.DeleteFunc(slices.Clone(ports), func(p portOf) bool {
		return slices.ContainsFunc(rules, func(r manifest.PolicyRule) bool {
			return reaches(w, r) && r.Opens(w, p.number, corev1.ProtocolTCP)
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
