package target

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// MayCutOff reports whether the cluster is ours and goes on without that node: a worker.
func (c *Cluster) MayCutOff(node string) bool {
	return c.Owned && len(c.inNodes) > 1 && slices.Contains(c.inNodes[1:], node)
}

// cutScript drops everything that comes from or goes to other nodes: on the interface of the default route, for the node itself and for
// its pods. Another process takes that back when the lease is over, whatever becomes of us. It is proven by the API server's port,
// which answers before and does not afterwards.
const cutScript = `
table=$1 lease=$2 api=$3
reach() { timeout 0.3 bash -c "</dev/tcp/${api%:*}/${api##*:}" 2>/dev/null; }
dev=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
reach || reach || reach || { echo "the API server at $api cannot be reached before the cut"; exit 1; }
nohup setsid sh -c "sleep $lease; nft delete table inet $table" >/dev/null 2>&1 &
nft -f - <<EOF
table inet $table {
	chain in { type filter hook prerouting priority -400; iifname "$dev" drop; }
	chain out { type filter hook postrouting priority 400; oifname "$dev" drop; }
}
EOF
if reach; then nft delete table inet $table; echo "the API server at $api can still be reached"; exit 1; fi`

// CutOff cuts a node off from the network, in both directions, for the time of the lease at most.
func (c *Cluster) CutOff(ctx context.Context, node string, lease time.Duration) error {
	if !c.MayCutOff(node) {
		return fmt.Errorf("node %s is not a worker of a cluster of ours", node)
	}
	table := fmt.Sprintf("meshproof_cut_%d", time.Now().UnixNano()) // the end of an older lease must not end this one
	out, err := c.inNode(ctx, node, cutScript, table, strconv.Itoa(int(lease.Seconds())), c.inNodes[0]+":6443")
	if err != nil {
		return fmt.Errorf("node %s: %w: %s", node, err, out)
	}
	return nil
}

// joinScript takes all cuts of ours back. What was reachable before must be reachable again.
const joinScript = `
for table in $(nft list tables | sed -n 's/^table inet \(meshproof_cut_[0-9]*\)$/\1/p'); do nft delete table inet "$table"; done
timeout 5 bash -c "</dev/tcp/$1/6443"`

// Rejoin takes back what CutOff did to a node, and returns when Kubernetes reports it as ready again.
func (c *Cluster) Rejoin(ctx context.Context, node string) error {
	if out, err := c.inNode(ctx, node, joinScript, c.inNodes[0]); err != nil {
		return fmt.Errorf("node %s: %w: %s", node, err, out)
	}
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	return await(ctx, often, "node "+node+" to be ready again", func(ctx context.Context) (bool, string, error) {
		n, err := set.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return false, err.Error(), permanent(err)
		}
		ready, why := nodeReady(n)
		return ready, why, nil
	})
}

// inNode runs a shell script in the node's container.
func (c *Cluster) inNode(ctx context.Context, node, script string, args ...string) (string, error) {
	out, err := c.engine.Output(ctx, append([]string{"exec", node, "bash", "-euc", script, "bash"}, args...)...)
	return strings.TrimSpace(string(out)), err
}
