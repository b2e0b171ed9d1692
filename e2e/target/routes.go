package target

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// connectNodes gives each node a route to the IPv6 addresses of the pods on each other. For IPv4 our node image needs none: a node answers for
// its pods on the link that all nodes share (proxy ARP). The kernel does that for single IPv6 addresses only. kindnet makes such routes itself.
func (c *Cluster) connectNodes(ctx context.Context, o Options) error {
	if !o.OwnPodNetwork || o.IP == IPv4 || o.Nodes == 1 {
		return nil
	}
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	list, err := set.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("routes between the nodes' pods: %w", err)
	}
	for on, commands := range routes(list.Items) {
		if err := c.engine.Run(ctx, "exec", on, "sh", "-c", strings.Join(commands, " && ")); err != nil {
			return fmt.Errorf("routes to the pods of other nodes on %s: %w", on, err)
		}
	}
	return nil
}

// routes are the commands for each node, by its name.
func routes(nodes []corev1.Node) map[string][]string {
	all := map[string][]string{}
	for i := range nodes {
		for j := range nodes {
			if to := &nodes[j]; i != j {
				for _, pods := range to.Spec.PodCIDRs {
					if network, err := netip.ParsePrefix(pods); err == nil && network.Addr().Is6() {
						all[nodes[i].Name] = append(all[nodes[i].Name], fmt.Sprintf("ip -6 route replace %s via %s", network, addressOf(to)))
					}
				}
			}
		}
	}
	return all
}

// addressOf is the node's own IPv6 address.
func addressOf(n *corev1.Node) string {
	for _, a := range n.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP && ip.Is6() {
			return a.Address
		}
	}
	return ""
}
