package objects

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// DNSAccess is what egress rules leave of a pod's way to the cluster's DNS.
type DNSAccess string

// The ways. A resolver asks by UDP, and by TCP only where an answer was cut short.
const (
	DNSOpen   DNSAccess = ""
	DNSByTCP  DNSAccess = "by TCP only"            // the port is open, but not for UDP
	DNSOther  DNSAccess = "not on the port of DNS" // whom the rule means may be the DNS server, but not on its port
	DNSOwn    DNSAccess = "in its own namespace"   // pods with the labels of the DNS server are open, but in the wrong namespace
	DNSNobody DNSAccess = "nobody"
)

// dnsPorts are those on which a cluster's DNS pods listen; a policy is applied after the Service's port was replaced by the pod's:
// CoreDNS as kubeadm deploys it, OpenShift's, Gardener's, and one that may open no low port.
var dnsPorts = []int{53, 5353, 8053, 1053}

// DNSThrough is the best that the egress rules over w allow.
func (m *Manifests) DNSThrough(w *manifest.Workload, rules []manifest.PolicyRule) DNSAccess {
	best := DNSNobody
	byTCP := slices.ContainsFunc(options(w), func(o string) bool { return o == "use-vc" })
	for _, r := range rules {
		server, mistaken := m.reachesDNS(w, r)
		switch {
		case mistaken:
			best = better(best, DNSOwn)
		case !server:
		case opensDNS(w, r, corev1.ProtocolUDP), byTCP && opensDNS(w, r, corev1.ProtocolTCP):
			return DNSOpen
		case opensDNS(w, r, corev1.ProtocolTCP):
			best = better(best, DNSByTCP)
		default:
			best = better(best, DNSOther)
		}
	}
	return best
}

// better is the one of the two that is nearer to an open DNS.
func better(a, b DNSAccess) DNSAccess {
	order := []DNSAccess{DNSOpen, DNSByTCP, DNSOwn, DNSOther, DNSNobody}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

// options are those of the pod's resolver.
func options(w *manifest.Workload) []string {
	var all []string
	if c := w.Pod().DNSConfig; c != nil {
		for _, o := range c.Options {
			all = append(all, o.Name)
		}
	}
	return all
}

// opensDNS reports whether the rule has DNS's port. The port's name is one of the DNS server's own: CoreDNS calls it dns and dns-tcp.
func opensDNS(w *manifest.Workload, r manifest.PolicyRule, protocol corev1.Protocol) bool {
	for _, p := range r.Ports {
		named := p.Port != nil && (strings.Contains(p.Port.StrVal, "dns") || strings.Contains(p.Port.StrVal, "domain"))
		if named && (p.Protocol == nil && protocol == corev1.ProtocolTCP || p.Protocol != nil && *p.Protocol == protocol) {
			return true
		}
	}
	return slices.ContainsFunc(dnsPorts, func(n int) bool { return r.Opens(w, n, protocol) })
}

// reachesDNS reports whether the cluster's DNS server may be at the rule's other end; mistaken, that the rule means it, but has no
// namespaceSelector: then it selects pods of the workload's own namespace.
func (m *Manifests) reachesDNS(w *manifest.Workload, r manifest.PolicyRule) (server, mistaken bool) {
	for _, p := range r.Peers {
		switch {
		case p.IPBlock != nil:
			return true, false
		case p.NamespaceSelector != nil:
			if mayHoldDNS(p.NamespaceSelector) && !ownLabels(p.PodSelector, w) {
				return true, false
			}
		case w.Namespace == metav1.NamespaceSystem, m.servesDNS(w, p.PodSelector):
			return true, false
		case p.PodSelector != nil && strings.Contains(p.PodSelector.MatchLabels["k8s-app"]+p.PodSelector.MatchLabels["app.kubernetes.io/name"], "dns"):
			mistaken = true
		}
	}
	return len(r.Peers) == 0, mistaken && len(r.Peers) > 0
}

// mayHoldDNS reports whether the DNS server may be in a namespace that the selector selects: kube-system, openshift-dns, and
// others that are called after one of both words.
func mayHoldDNS(selector *metav1.LabelSelector) bool {
	var names []string
	if name, there := selector.MatchLabels[corev1.LabelMetadataName]; there {
		names = append(names, name)
	}
	for _, e := range selector.MatchExpressions {
		if e.Key == corev1.LabelMetadataName && e.Operator == metav1.LabelSelectorOpIn {
			names = append(names, e.Values...)
		}
	}
	if len(names) == 0 {
		return manifest.MayBeNamespace(selector, metav1.NamespaceSystem)
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "system") || strings.Contains(n, "dns") })
}

// ownLabels reports whether the selector asks for labels that are those of w's pods: it means these, in whatever namespace.
func ownLabels(selector *metav1.LabelSelector, w *manifest.Workload) bool {
	return selector != nil && len(selector.MatchLabels) > 0 && manifest.Covers(w.Labels(), selector.MatchLabels)
}

// servesDNS reports whether the manifests have a DNS server of their own among the pods that the selector selects.
func (m *Manifests) servesDNS(w *manifest.Workload, selector *metav1.LabelSelector) bool {
	return slices.ContainsFunc(m.Workloads(), func(o *manifest.Workload) bool {
		is, err := manifest.Selects(selector, o.Labels())
		if err != nil || !is || !manifest.SameNamespace(o.Namespace, w.Namespace) {
			return false
		}
		return slices.ContainsFunc(o.Containers(manifest.Main), func(c *manifest.Container) bool {
			return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return slices.Contains(dnsPorts[:2], int(p.ContainerPort)) })
		})
	})
}

// PoliciesOver are the policies that select w's pods for that direction, and their rules.
func (m *Manifests) PoliciesOver(w *manifest.Workload, direction networkingv1.PolicyType) (names []string, rules []manifest.PolicyRule) {
	for _, p := range m.Policies() {
		if selects, err := p.Selects(w); err == nil && selects && p.Restricts(direction) {
			names, rules = append(names, p.Name), append(rules, p.Rules(direction)...)
		}
	}
	return names, rules
}
