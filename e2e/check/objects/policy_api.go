package objects

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// ofOthers are ports on which no API server listens: of DNS, epmd, the web, databases, caches, queues and brokers.
var ofOthers = []int32{53, 5353, 8053, 1053, 80, 4369, 3306, 5432, 6432, 6379, 9042, 9092, 9100, 11211, 27017, 1883, 8883, 5671, 5672, 15672, 25672, 5984}

// MayReachAPI reports whether the egress rules over w may lead to the API server. It stands outside of the cluster, or on the network
// of its machine: a rule that means pods of w's own namespace does not lead there, nor does one that opens only ports of other things.
// Whatever else a rule says may be meant for it.
func (m *Manifests) MayReachAPI(w *manifest.Workload, rules []manifest.PolicyRule) bool {
	return slices.ContainsFunc(rules, func(r manifest.PolicyRule) bool {
		to := len(r.Peers) == 0 || slices.ContainsFunc(r.Peers, func(p networkingv1.NetworkPolicyPeer) bool {
			return p.IPBlock != nil || p.NamespaceSelector != nil && !ownLabels(p.PodSelector, w) && mayHoldAPI(p)
		})
		return to && (len(r.Ports) == 0 || slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool { return mayBeAPI(w, p) }))
	})
}

// mayHoldAPI reports whether the peer is not one that is certainly something else: a namespace other than those of the cluster itself.
func mayHoldAPI(p networkingv1.NetworkPolicyPeer) bool {
	return manifest.MayBeNamespace(p.NamespaceSelector, "kube-system") || manifest.MayBeNamespace(p.NamespaceSelector, "default")
}

func mayBeAPI(w *manifest.Workload, p networkingv1.NetworkPolicyPort) bool {
	switch {
	case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
		return false
	case p.Port == nil, p.EndPort != nil:
		return true
	case p.Port.StrVal != "":
		return w.TargetPort(*p.Port) == 0 && p.Port.StrVal != "dns" && p.Port.StrVal != "dns-tcp"
	}
	usual := slices.Contains([]int32{443, 6443, 8443, 16443}, p.Port.IntVal)
	return usual || !slices.Contains(ofOthers, p.Port.IntVal) && !declares(w, p.Port.IntVal)
}
