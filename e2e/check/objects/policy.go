package objects

import (
	"slices"
)

// Policy is a NetworkPolicy, as far as it decides who reaches a node.
type Policy struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		PodSelector selector     `json:"podSelector"`
		PolicyTypes []string     `json:"policyTypes"`
		Ingress     []PolicyRule `json:"ingress"`
		Egress      []PolicyRule `json:"egress"`
	} `json:"spec"`
}

// PolicyRule is one rule of a NetworkPolicy, of either direction.
type PolicyRule struct {
	From  []policyPeer `json:"from"`
	To    []policyPeer `json:"to"`
	Ports []policyPort `json:"ports"`
}

type policyPeer struct {
	PodSelector       *selector `json:"podSelector"`
	NamespaceSelector *selector `json:"namespaceSelector"`
	IPBlock           *struct {
		CIDR string `json:"cidr"`
	} `json:"ipBlock"`
}

type policyPort struct {
	Protocol string `json:"protocol"`
	Port     any    `json:"port"` // a number, the name of a container's port, or absent: all
	EndPort  int    `json:"endPort"`
}

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

// Selects reports whether the selector fits the labels. An empty one fits all.
func (s *selector) Selects(labels map[string]string) bool {
	if len(s.MatchLabels) > 0 && !Covers(labels, s.MatchLabels) {
		return false
	}
	for _, e := range s.MatchExpressions {
		value, there := labels[e.Key]
		fits := map[string]bool{
			"In": there && slices.Contains(e.Values, value), "NotIn": !there || !slices.Contains(e.Values, value),
			"Exists": there, "DoesNotExist": !there,
		}
		if !fits[e.Operator] {
			return false
		}
	}
	return true
}

// Restricts reports whether the policy is one that has a say about that direction.
func (p *Policy) Restricts(direction string) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return direction == "Ingress" || len(p.Spec.Egress) > 0
	}
	return slices.Contains(p.Spec.PolicyTypes, direction)
}

// Admits reports whether a rule lets traffic between pods of w through to that port. Who is meant by addresses or by a
// namespace's labels is not known from manifests: the benefit of the doubt is theirs.
func (r *PolicyRule) Admits(w *Workload, port int, protocols ...string) bool {
	return open(append(r.From, r.To...), w.Labels()) && r.Opens(w, port, protocols...)
}

func open(peers []policyPeer, labels map[string]string) bool {
	for _, p := range peers {
		if p.IPBlock != nil || p.PodSelector == nil || p.PodSelector.Selects(labels) {
			return true
		}
	}
	return len(peers) == 0
}

// Opens reports whether the rule has the port, under one of the protocols.
func (r *PolicyRule) Opens(w *Workload, port int, protocols ...string) bool {
	for _, p := range r.Ports {
		protocol := p.Protocol
		if protocol == "" {
			protocol = "TCP"
		}
		first := Target(w, 0, p.Port)
		all := p.Port == nil
		if slices.Contains(protocols, protocol) && (all || first <= port && port <= max(first, p.EndPort)) {
			return true
		}
	}
	return len(r.Ports) == 0
}
