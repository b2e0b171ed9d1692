package check

import (
	"fmt"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func manifestPolicy() Check {
	return Check{
		ID: "manifest/network-policy-admits-peers", Title: "lets its peers and DNS through its NetworkPolicies", Rung: Manifest, Level: Required, Scenario: "formation",
		Why:    "A policy that selects a pod forbids all that it does not list. Peers need epmd's port and the distribution port of each other, and DNS to find each other.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
		Causes: map[string][]string{
			"peers-closed": From(EPMD), "epmd-closed": From(EPMD), "dist-closed": From(Dist), "dns-closed": NeedsMesh("dns/*", "discovery/*"),
		},
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				if len(m.policies) == 0 {
					f.skip("there is no NetworkPolicy among the manifests")
					return
				}
				ports := needed(v, m, w)
				for _, direction := range []string{"Ingress", "Egress"} {
					names, rules := m.over(w, direction)
					if len(names) == 0 || f.Outcome == Fail {
						continue
					}
					closed(f, direction, w, names, shut(w, rules, ports), ports)
					if f.Outcome == Pass && direction == "Egress" && !resolvable(w, rules) {
						f.fail("dns-closed", fmt.Sprintf("NetworkPolicy %s lets no DNS question of %s out (port 53)%s", list(names), w, enforced),
							"egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]")
					}
					if f.Outcome == Fail {
						f.Try = kubectl(v, "get networkpolicy "+strings.Join(names, " ")+" -o yaml")
					}
				}
			})
		},
	}
}

const enforced = "; whether this cluster enforces policies is another matter"

// portOf is one port that peers need.
type portOf struct {
	code, what string
	number     int
}

// needed are the ports that peers use: without epmd only the distribution port, which then is known.
func needed(v *view.View, m *manifests, w *workload) []portOf {
	dist := v.Profile.DistPort
	for _, p := range m.places(w) {
		if n, err := strconv.Atoi(p.text); p.variable == "ERL_DIST_PORT" && err == nil {
			return []portOf{{"dist-closed", "distribution", n}}
		}
	}
	all := []portOf{{"epmd-closed", "epmd", v.Profile.EPMDPort}}
	if dist != 0 {
		all = append(all, portOf{"dist-closed", "distribution", dist})
	}
	return all
}

// over are the policies that restrict w's pods in that direction, and their rules.
func (m *manifests) over(w *workload, direction string) (names []string, rules []policyRule) {
	for i := range m.policies {
		p := &m.policies[i]
		if !p.Spec.PodSelector.selects(w.labels()) || !p.restricts(direction) {
			continue
		}
		names = append(names, p.Metadata.Name)
		if direction == "Ingress" {
			rules = append(rules, p.Spec.Ingress...)
		} else {
			rules = append(rules, p.Spec.Egress...)
		}
	}
	return names, rules
}

// shut are the ports that no rule opens between pods of w.
func shut(w *workload, rules []policyRule, ports []portOf) []portOf {
	var all []portOf
	for _, p := range ports {
		admitted := false
		for i := range rules {
			admitted = admitted || rules[i].admits(w, p.number, "TCP")
		}
		if !admitted {
			all = append(all, p)
		}
	}
	return all
}

func resolvable(w *workload, rules []policyRule) bool {
	for i := range rules {
		if rules[i].opens(w, 53, "UDP", "TCP") {
			return true
		}
	}
	return false
}

func closed(f *Finding, direction string, w *workload, policies []string, shut, ports []portOf) {
	if len(shut) == 0 {
		return
	}
	code, what := shut[0].code, fmt.Sprintf("%s port %d", shut[0].what, shut[0].number)
	if len(shut) == len(ports) && len(ports) > 1 {
		code, what = "peers-closed", fmt.Sprintf("ports %d and %d", ports[0].number, ports[1].number)
	}
	way := "admits no peer to"
	peers := "[{podSelector: {matchLabels: {" + set(w.labels()) + "}}}], ports: ["
	remedy := "ingress: [{from: " + peers
	if direction == "Egress" {
		way = "lets no pod out to"
		remedy = "egress: [{to: " + peers
	}
	for i, p := range ports {
		if i > 0 {
			remedy += ", "
		}
		remedy += fmt.Sprintf("{port: %d}", p.number)
	}
	f.fail(code, fmt.Sprintf("NetworkPolicy %s %s %s of the nodes%s", list(policies), way, what, enforced), remedy+"]}]")
}
