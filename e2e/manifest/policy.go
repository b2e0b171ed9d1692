package manifest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NetworkPolicies: https://kubernetes.io/docs/concepts/services-networking/network-policies/

// Policy is a NetworkPolicy.
type Policy struct {
	*Document
	Spec networkingv1.NetworkPolicySpec
}

// PolicyRule is one rule of a policy, of either direction.
type PolicyRule struct {
	Peers []networkingv1.NetworkPolicyPeer // who may be at the other end; none: everybody
	Ports []networkingv1.NetworkPolicyPort // none: all
	Path  []any                            // of the rule in the document
}

// Policies are all NetworkPolicies of the set.
func (s *Set) Policies() []*Policy {
	var all []*Policy
	for _, d := range s.Documents {
		if o, is := d.Object.(*networkingv1.NetworkPolicy); is {
			all = append(all, &Policy{d, o.Spec})
		}
	}
	return all
}

// Selects reports whether the policy is for pods of the workload.
func (p *Policy) Selects(w *Workload) (bool, error) {
	if !SameNamespace(p.Namespace, w.Namespace) {
		return false, nil
	}
	return Selects(&p.Spec.PodSelector, w.Labels())
}

// Restricts reports whether the policy has a say about that direction. One that does not list its types restricts Ingress, and
// Egress where it has rules for it.
func (p *Policy) Restricts(direction networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return direction == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
	}
	return slices.Contains(p.Spec.PolicyTypes, direction)
}

// Rules are the policy's rules for a direction.
func (p *Policy) Rules(direction networkingv1.PolicyType) []PolicyRule {
	var all []PolicyRule
	if direction == networkingv1.PolicyTypeIngress {
		for i, r := range p.Spec.Ingress {
			all = append(all, PolicyRule{r.From, r.Ports, []any{"spec", "ingress", i}})
		}
		return all
	}
	for i, r := range p.Spec.Egress {
		all = append(all, PolicyRule{r.To, r.Ports, []any{"spec", "egress", i}})
	}
	return all
}

// Opens reports whether the rule has the port under one of the protocols. The name of a port is that of one of w's pods.
func (r PolicyRule) Opens(w *Workload, port int, protocols ...corev1.Protocol) bool {
	for _, p := range r.Ports {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		if !slices.Contains(protocols, protocol) {
			continue
		}
		if p.Port == nil {
			return true
		}
		first := w.TargetPort(*p.Port)
		last := first
		if p.EndPort != nil {
			last = int(*p.EndPort)
		}
		if first <= port && port <= last {
			return true
		}
	}
	return len(r.Ports) == 0
}

// ReachesPods reports whether pods with these labels, in that namespace, may be at the rule's other end. A peer without a
// namespaceSelector is in the policy's own namespace. Whom addresses mean, and which labels a namespace has beside its name, is not
// known from manifests: they are taken to fit.
func (r PolicyRule) ReachesPods(namespace string, have map[string]string) bool {
	for _, p := range r.Peers {
		if p.IPBlock != nil {
			return true
		}
		if p.NamespaceSelector != nil && !MayBeNamespace(p.NamespaceSelector, namespace) {
			continue
		}
		if p.PodSelector == nil {
			return true
		}
		if is, err := Selects(p.PodSelector, have); is && err == nil {
			return true
		}
	}
	return len(r.Peers) == 0
}

// SurelyReachesPods reports whether the rule reaches these pods wherever it is enforced. That a range of addresses has theirs, or a
// namespace the labels that a selector asks for, only a cluster shows.
func (r PolicyRule) SurelyReachesPods(namespace string, have map[string]string) bool {
	return len(r.Peers) == 0 || slices.ContainsFunc(r.Peers, func(p networkingv1.NetworkPolicyPeer) bool {
		switch l := p.NamespaceSelector; {
		case p.IPBlock != nil:
			return slices.Contains([]string{"0.0.0.0/0", "::/0"}, p.IPBlock.CIDR) && len(p.IPBlock.Except) == 0
		case l != nil && len(l.MatchLabels)+len(l.MatchExpressions) > 0 && (namespace == "" || len(l.MatchExpressions) > 0 || len(l.MatchLabels) > 1 || l.MatchLabels[corev1.LabelMetadataName] != namespace):
			return false
		}
		return PolicyRule{Peers: []networkingv1.NetworkPolicyPeer{p}}.ReachesPods(namespace, have)
	})
}

// MayBeNamespace reports whether a namespace of that name may be one that the selector selects. Kubernetes gives each namespace
// its name as a label (kubernetes.io/metadata.name); what other labels it has is not known. "" is a namespace that is not known yet:
// any but that of the cluster itself.
func MayBeNamespace(selector *metav1.LabelSelector, namespace string) bool {
	if namespace == "" {
		return selector.MatchLabels[corev1.LabelMetadataName] != metav1.NamespaceSystem
	}
	known := map[string]string{corev1.LabelMetadataName: namespace}
	if want, there := selector.MatchLabels[corev1.LabelMetadataName]; there && want != namespace {
		return false
	}
	return !slices.ContainsFunc(selector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		if e.Key != corev1.LabelMetadataName {
			return false
		}
		is, err := Selects(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{e}}, known)
		return err == nil && !is
	})
}
