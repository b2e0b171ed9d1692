package environment

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/workload"
)

// patience is how long something may hold a namespace of a kept cluster before it counts as left behind.
const patience = 5 * time.Second

func (e *Environment) leave(namespace string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leaving = append(e.leaving, namespace)
}

// Leaving looks what became of the namespaces of a kept cluster, whose deletion the run does not wait for: it takes some seconds, and
// the next run need not wait either. going are those that Kubernetes is still deleting; one that is held by something is an error.
func (e *Environment) Leaving() (going []string, err error) {
	e.mu.Lock()
	names := slices.Clone(e.leaving)
	e.mu.Unlock()
	if len(names) == 0 {
		return nil, nil
	}
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return names, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	return workload.Leaving(ctx, client, names, patience)
}
