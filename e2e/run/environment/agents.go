package environment

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

// DeployAgents puts one agent on each node, in a namespace of their own. They serve all workloads of the run: thirty
// workloads with agents of their own would be thirty privileged pods on a node. They may do no more than the run needs.
func (e *Environment) DeployAgents(ctx context.Context, run string, may agentclient.Rights) error {
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return err
	}
	e.Agents = fmt.Sprintf("meshproof-agent-%05d", rand.IntN(100000))
	if err = workload.CreateNamespace(ctx, client, e.Agents, run, true); err != nil {
		return err
	}
	if _, err = client.AppsV1().DaemonSets(e.Agents).Create(ctx, agentclient.DaemonSet(e.Agents, e.Agent.Ref, may), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// RemoveAgents removes what DeployAgents made, however far it came.
func (e *Environment) RemoveAgents() error {
	if e.Agents == "" {
		return nil
	}
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return err
	}
	return e.RemoveNamespace(client, e.Agents)
}

// removeBudget is how long what was made may take to go.
const removeBudget = 60 * time.Second

// RemoveBudget is how long to wait until what was deleted inside of a namespace is gone. What goes with the whole cluster need
// not be waited for.
func (e *Environment) RemoveBudget() time.Duration {
	if e.Cluster.Temporary() {
		return 0
	}
	return removeBudget
}

// RemoveNamespace removes a namespace of ours, unless the whole cluster goes anyway. On a cluster that is not ours it waits
// until nothing of it is left; on a kept one of ours Leaving does, for all of them together.
func (e *Environment) RemoveNamespace(client kubernetes.Interface, namespace string) error {
	budget := removeBudget
	if e.Cluster.Temporary() {
		return nil
	}
	if e.Cluster.Owned {
		budget = 0
		e.leave(namespace)
	}
	// Whatever ended the run, what was made is removed.
	ctx, cancel := context.WithTimeout(context.Background(), budget+10*time.Second)
	defer cancel()
	return workload.DeleteNamespace(ctx, client, namespace, budget)
}
