package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/workload"
)

// deployAgents puts one agent on each node, in a namespace of their own. They serve all workloads of the run: thirty
// workloads with agents of their own would be thirty privileged pods on a node. Only where faults are wanted may they bring
// some about.
func (g *ground) deployAgents(ctx context.Context, run string, faults bool) error {
	client, err := kubernetes.NewForConfig(g.cluster.Config)
	if err != nil {
		return err
	}
	g.agents = fmt.Sprintf("meshproof-agent-%05d", rand.IntN(100000))
	if err = workload.CreateNamespace(ctx, client, g.agents, run, true); err != nil {
		return err
	}
	if _, err = client.AppsV1().DaemonSets(g.agents).Create(ctx, agentclient.DaemonSet(g.agents, g.agent.Ref, faults), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// removeAgents removes what deployAgents made, however far it came.
func (g *ground) removeAgents(o *Options) {
	if g.agents == "" {
		return
	}
	client, err := kubernetes.NewForConfig(g.cluster.Config)
	if err == nil {
		err = g.removeNamespace(client, g.agents)
	}
	if err != nil {
		o.Log("clean-up: " + err.Error())
	}
}

// removeBudget is how long what was made may take to go.
const removeBudget = 60 * time.Second

// removeNamespace removes a namespace of ours, unless the whole cluster goes anyway. On somebody else's cluster it waits
// until nothing of ours is left; on a kept one of ours the next run need not.
func (g *ground) removeNamespace(client kubernetes.Interface, ns string) error {
	budget := removeBudget
	if g.cluster.Temporary() {
		return nil
	}
	if g.cluster.Owned {
		budget = 0
	}
	// Whatever ended the run, what was made is removed.
	ctx, cancel := context.WithTimeout(context.Background(), budget+10*time.Second)
	defer cancel()
	return workload.DeleteNamespace(ctx, client, ns, budget)
}
