package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// disturbed is what scenarios have changed for longer than their recordings, to be put back. Safe for concurrent use.
type disturbed struct {
	mu       sync.Mutex
	cordoned []string
	cut      []string

	withoutEPMD []string           // pods
	cookie      []byte             // the value before the rotation; nil: it was not rotated
	before      map[types.UID]bool // the pods that were there then
}

// KillEPMD lets the agent on the pod's node kill its epmd.
func (d *deployment) KillEPMD(ctx context.Context, p *view.Pod) error {
	d.disturbed.mu.Lock()
	d.disturbed.withoutEPMD = append(d.disturbed.withoutEPMD, p.Name)
	d.disturbed.mu.Unlock()
	return d.kill(ctx, p, agent.Kill{Pod: p.UID, EPMD: true})
}

// ReplaceWithoutEPMD deletes the pods whose epmd was killed.
func (d *deployment) ReplaceWithoutEPMD(ctx context.Context) error {
	return each(d, &d.disturbed.withoutEPMD, func(pod string) error {
		return d.deleteIfThere(ctx, pod)
	})
}

// RotateCookie gives the cookie's Secret another value, as a rotation does.
func (d *deployment) RotateCookie(ctx context.Context) (secret string, err error) {
	ref := d.workload.Profile.Spec.Cookie.SecretKeyRef
	old, err := workload.Secret(ctx, d.client, d.namespace, ref.Name, ref.Key)
	if err != nil {
		return ref.Name, err
	}
	pods, err := d.ownPods(ctx)
	if err != nil {
		return ref.Name, err
	}
	before := map[types.UID]bool{}
	for i := range pods {
		before[pods[i].UID] = true
	}
	d.disturbed.mu.Lock()
	d.disturbed.cookie, d.disturbed.before = old, before
	d.disturbed.mu.Unlock()
	cookie := workload.NewCookie()
	d.redactor.Guard(cookie)
	return ref.Name, workload.SetSecret(ctx, d.client, d.namespace, ref.Name, ref.Key, cookie)
}

// RestoreCookie gives it the old value again, and has the pods replaced that may have read the other one.
func (d *deployment) RestoreCookie(ctx context.Context) error {
	d.disturbed.mu.Lock()
	old, before := d.disturbed.cookie, d.disturbed.before
	d.disturbed.cookie = nil
	d.disturbed.mu.Unlock()
	if old == nil {
		return nil
	}
	ref := d.workload.Profile.Spec.Cookie.SecretKeyRef
	if err := workload.SetSecret(ctx, d.client, d.namespace, ref.Name, ref.Key, old); err != nil {
		return err
	}
	pods, err := d.ownPods(ctx)
	for i := range pods {
		if !before[pods[i].UID] {
			err = errors.Join(err, d.deleteIfThere(ctx, pods[i].Name))
		}
	}
	return err
}

func (d *deployment) deleteIfThere(ctx context.Context, pod string) error {
	err := workload.DeletePod(ctx, d.client, d.namespace, pod)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// ownPods are the pods of the workload.
func (d *deployment) ownPods(ctx context.Context) (own []corev1.Pod, err error) {
	list, err := d.client.CoreV1().Pods(d.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		owner := ""
		if ref := metav1.GetControllerOf(&p); ref != nil {
			owner = ref.Kind + "/" + ref.Name
		}
		if d.workload.Resolved.Owns(p.Labels, owner) {
			own = append(own, p)
		}
	}
	return own, nil
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

// each puts nodes or pods back as they were. A cluster where one is not is of no use to a later run, and is not kept.
func each(d *deployment, names *[]string, back func(name string) error) (err error) {
	d.disturbed.mu.Lock()
	all := *names
	*names = nil
	d.disturbed.mu.Unlock()
	for _, name := range all {
		err = errors.Join(err, back(name))
	}
	if err != nil {
		d.environment.Cluster.Keep(false)
	}
	return err
}
