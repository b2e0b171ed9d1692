package target

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestRoutesBetweenNodes(t *testing.T) {
	node := func(name string, cidrs []string, addresses ...string) corev1.Node {
		n := corev1.Node{}
		n.Name, n.Spec.PodCIDRs = name, cidrs
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}}
		for _, a := range addresses {
			n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
		}
		return n
	}
	got := routes([]corev1.Node{
		node("a", []string{"10.244.0.0/24", "fd00:10:244::/64"}, "10.89.0.2", "fc00::2"),
		node("b", []string{"10.244.1.0/24", "fd00:10:244:1::/64"}, "10.89.0.3", "fc00::3"),
		node("c", []string{"fd00:10:244:2::/64"}, "fc00::4"),
	})
	want := map[string][]string{
		"a": {"ip -6 route replace fd00:10:244:1::/64 via fc00::3", "ip -6 route replace fd00:10:244:2::/64 via fc00::4"},
		"b": {"ip -6 route replace fd00:10:244::/64 via fc00::2", "ip -6 route replace fd00:10:244:2::/64 via fc00::4"},
		"c": {"ip -6 route replace fd00:10:244::/64 via fc00::2", "ip -6 route replace fd00:10:244:1::/64 via fc00::3"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	if got = routes([]corev1.Node{node("a", []string{"10.244.0.0/24"}, "10.89.0.2"), node("b", []string{"10.244.1.0/24"}, "10.89.0.3")}); len(got) > 0 {
		t.Errorf("IPv4 alone: %v", got)
	}
}
