package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/workload"
)

// disturbed is what scenarios have changed for longer than their recordings, to be put back. Safe for concurrent use.
type disturbed struct {
	mu       sync.Mutex
	cordoned []string
	cut      []string
}

// ForceDeletePod deletes a pod without a grace period.
func (d *deployment) ForceDeletePod(ctx context.Context, name string) error {
	return d.promptly("delete pod "+name, func() error { return workload.ForceDeletePod(ctx, d.client, d.namespace, name) })
}

// EvictPod evicts a pod, as soon as its PodDisruptionBudget allows that.
func (d *deployment) EvictPod(ctx context.Context, name string, patience time.Duration) error {
	return workload.EvictPod(ctx, d.client, d.namespace, name, patience)
}

// Scale gives a controller another number of replicas.
func (d *deployment) Scale(ctx context.Context, kind, name string, replicas int) error {
	return d.promptly(fmt.Sprintf("scale %s %s", kind, name), func() error { return workload.Scale(ctx, d.client, d.namespace, kind, name, replicas) })
}

// Cordon lets a node of a cluster of ours take no more pods.
func (d *deployment) Cordon(ctx context.Context, node string) error {
	if !d.environment.Cluster.Owned {
		return errors.New("the cluster is not ours, and no node of it is cordoned")
	}
	d.disturbed.mu.Lock()
	d.disturbed.cordoned = append(d.disturbed.cordoned, node)
	d.disturbed.mu.Unlock()
	return workload.Cordon(ctx, d.client, node, true)
}

// Uncordon takes that back.
func (d *deployment) Uncordon(ctx context.Context) error {
	return each(d, &d.disturbed.cordoned, func(node string) error { return workload.Cordon(ctx, d.client, node, false) })
}

// MayCutOff reports whether the cluster is ours and goes on without that node.
func (d *deployment) MayCutOff(node string) bool { return d.environment.Cluster.MayCutOff(node) }

// CutOff cuts a node of a cluster of ours off from the network.
func (d *deployment) CutOff(ctx context.Context, node string, lease time.Duration) error {
	d.disturbed.mu.Lock()
	d.disturbed.cut = append(d.disturbed.cut, node)
	d.disturbed.mu.Unlock()
	return d.environment.Cluster.CutOff(ctx, node, lease)
}

// Rejoin takes that back.
func (d *deployment) Rejoin(ctx context.Context) error {
	return each(d, &d.disturbed.cut, func(node string) error { return d.environment.Cluster.Rejoin(ctx, node) })
}

// each puts nodes back as they were. A cluster with one that is not is of no use to a later run, and is not kept.
func each(d *deployment, nodes *[]string, back func(node string) error) (err error) {
	d.disturbed.mu.Lock()
	all := *nodes
	*nodes = nil
	d.disturbed.mu.Unlock()
	for _, node := range all {
		err = errors.Join(err, back(node))
	}
	if err != nil {
		d.environment.Cluster.Keep(false)
	}
	return err
}
