package rules

import (
	"fmt"
	"strconv"
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
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if len(m.Policies()) == 0 {
					f.Skip("the manifests have no NetworkPolicy")
					return
				}
				ports := needed(v, m, w)
				for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
					names, rules := policiesOver(m, w, direction)
					if len(names) == 0 || f.Outcome == check.Fail {
						continue
					}
					failBlocked(f, direction, w, names, blockedPorts(w, rules, ports), ports)
					if f.Outcome == check.Pass && direction == networkingv1.PolicyTypeEgress && !resolvable(w, rules) {
						f.Fail("dns-closed", fmt.Sprintf("NetworkPolicy %s allows no DNS queries from %s (port 53)%s", check.List(names), w, enforced),
							"add egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]")
					}
					if f.Outcome == check.Fail {
						f.Try = objects.Kubectl(v, "get networkpolicy "+strings.Join(names, " ")+" -o yaml")
					}
				}
			})
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
	dist := v.Profile.DistPort
	for _, p := range m.Places(w) {
		if n, err := strconv.Atoi(p.Text); p.Variable == "ERL_DIST_PORT" && err == nil {
			return []portOf{{"dist-closed", "distribution", n}}
		}
	}
	all := []portOf{{"epmd-closed", "epmd", v.Profile.EPMDPort}}
	if dist != 0 {
		all = append(all, portOf{"dist-closed", "distribution", dist})
	}
	return all
}

// policiesOver are the policies that select w's pods for that direction, and their rules.
func policiesOver(m *objects.Manifests, w *manifest.Workload, direction networkingv1.PolicyType) (names []string, rules []manifest.PolicyRule) {
	for _, p := range m.Policies() {
		if selects, err := p.Selects(w); err == nil && selects && p.Restricts(direction) {
			names, rules = append(names, p.Name), append(rules, p.Rules(direction)...)
		}
	}
	return names, rules
}

// blockedPorts are the ports that no rule opens between pods of w.
func blockedPorts(w *manifest.Workload, rules []manifest.PolicyRule, ports []portOf) []portOf {
	var all []portOf
	for _, p := range ports {
		admitted := false
		for _, r := range rules {
			admitted = admitted || r.ReachesPods(w.Labels()) && r.Opens(w, p.number, corev1.ProtocolTCP)
		}
		if !admitted {
			all = append(all, p)
		}
	}
	return all
}

func resolvable(w *manifest.Workload, rules []manifest.PolicyRule) bool {
	for _, r := range rules {
		if r.Opens(w, 53, corev1.ProtocolUDP, corev1.ProtocolTCP) {
			return true
		}
	}
	return false
}

func failBlocked(f *check.Finding, direction networkingv1.PolicyType, w *manifest.Workload, policies []string, blockedPorts, ports []portOf) {
	if len(blockedPorts) == 0 {
		return
	}
	code, what := blockedPorts[0].code, fmt.Sprintf("%s port %d", blockedPorts[0].what, blockedPorts[0].number)
	if len(blockedPorts) == len(ports) && len(ports) > 1 {
		code, what = "peers-closed", fmt.Sprintf("ports %d and %d", ports[0].number, ports[1].number)
	}
	verb := "allows no traffic from peers to"
	peers := "[{podSelector: {matchLabels: {" + objects.LabelSet(w.Labels()) + "}}}], ports: ["
	remedy := "add ingress: [{from: " + peers
	if direction == networkingv1.PolicyTypeEgress {
		verb = "allows no traffic from its pods to"
		remedy = "add egress: [{to: " + peers
	}
	for i, p := range ports {
		if i > 0 {
			remedy += ", "
		}
		remedy += fmt.Sprintf("{port: %d}", p.number)
	}
	f.Fail(code, fmt.Sprintf("NetworkPolicy %s %s %s of the nodes%s", check.List(policies), verb, what, enforced), remedy+"]}]")
}
