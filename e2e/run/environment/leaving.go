package environment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/workload"
)

// patience is how long the run waits for the namespaces of a kept cluster. Mostly they are gone within it; what holds one shows only
// when its pods are gone.
const patience = 8 * time.Second

func (e *Environment) leave(namespace string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leaving = append(e.leaving, namespace)
}

// Leaving waits a little for the namespaces of a kept cluster, all of them together. going are those that Kubernetes is still deleting
// then: the next run need not wait for them. One that is held by something is an error.
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
	ctx, cancel := context.WithTimeout(e.Background(), 2*patience)
	defer cancel()
	began := time.Now()
	going, err = workload.Leaving(ctx, client, names, patience)
	if len(going) > 0 {
		e.options.Log(fmt.Sprintf("after %.0f s Kubernetes is still deleting: namespace %s", time.Since(began).Seconds(), strings.Join(going, ", ")))
	}
	return going, err
}
