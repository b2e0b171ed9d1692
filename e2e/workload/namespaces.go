package workload

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
)

// DeleteNamespace deletes a namespace that the run made and waits until it is gone, at most for the budget; with a budget of 0 it
// does not wait. The error says what still exists. Another namespace of that name is not changed.
func DeleteNamespace(ctx context.Context, client kubernetes.Interface, name string, run *ownership.Run, budget time.Duration) error {
	ns, err := ours(ctx, client, name, run)
	if ns == nil || err != nil {
		return err
	}
	// Deleting a namespace takes as long as its slowest pod.
	if err = stop(ctx, client, name); err != nil {
		return err
	}
	err = client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &ns.UID}})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if budget == 0 {
		return nil
	}
	return awaitGone(ctx, client, ns, budget)
}

// ours is the namespace if the run made it, else nil. It is looked for on the cluster: the answer to its creation may have been
// lost.
func ours(ctx context.Context, client kubernetes.Interface, name string, run *ownership.Run) (*corev1.Namespace, error) {
	ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	case !run.Made(ns):
		return nil, nil
	}
	return ns, nil
}

// awaitGone waits until a namespace that is being deleted is gone.
func awaitGone(ctx context.Context, client kubernetes.Interface, deleted *corev1.Namespace, budget time.Duration) error {
	name := deleted.Name
	return stillThere("namespace", "", name, await(ctx, budget, "namespace "+name+" to be gone", func(ctx context.Context) (bool, string) {
		ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && ns.UID != deleted.UID {
			return true, ""
		}
		if err != nil {
			return false, err.Error()
		}
		return false, strings.Join(append([]string{"phase " + string(ns.Status.Phase)}, ownership.Remaining(ns)...), ", ")
	}, "it is not gone"))
}

// Stop deletes all pods of a namespace that the run made, without a grace period: none of them needs one. Another namespace of that
// name is not changed.
func Stop(ctx context.Context, client kubernetes.Interface, namespace string, run *ownership.Run) error {
	ns, err := ours(ctx, client, namespace, run)
	if ns == nil || err != nil {
		return err
	}
	return stop(ctx, client, namespace)
}

// stop deletes the workloads first, or they would create new pods at once.
func stop(ctx context.Context, client kubernetes.Interface, namespace string) error {
	now, background := int64(0), metav1.DeletePropagationBackground
	apps, core := client.AppsV1(), client.CoreV1()
	keepers := metav1.DeleteOptions{PropagationPolicy: &background}
	for _, kind := range []func(context.Context, metav1.DeleteOptions, metav1.ListOptions) error{
		apps.Deployments(namespace).DeleteCollection, apps.StatefulSets(namespace).DeleteCollection, apps.DaemonSets(namespace).DeleteCollection,
		client.BatchV1().Jobs(namespace).DeleteCollection, apps.ReplicaSets(namespace).DeleteCollection,
	} {
		if err := kind(ctx, keepers, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("workloads of namespace %s: %w", namespace, err)
		}
	}
	if err := core.Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("pods of namespace %s: %w", namespace, err)
	}
	return nil
}

// leftBudget is how long the deletion of a namespace from an earlier run of ours may take.
const leftBudget = 60 * time.Second

// FixedNamespace creates a namespace whose name the user's manifests fix. If it exists already, it is not ours and is not changed.
// On a cluster of ours (owned) it is one of Kubernetes' own, such as default; what is deployed there is removed object by object
// (made is false then). One that an earlier run of ours left is deleted and created again. On another cluster it is an error
// that names it, see [Taken].
func FixedNamespace(ctx context.Context, client kubernetes.Interface, name string, run *ownership.Run, privileged, owned bool) (made bool, err error) {
	there, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return false, fmt.Errorf("namespace %s: %w", name, err)
	case !owned:
		if err = Taken(ctx, client, name); err != nil {
			return false, err
		}
	case there.Labels[ownership.Label] == "":
		return false, nil
	default:
		if err = DeleteNamespace(ctx, client, name, &ownership.Run{Name: there.Labels[ownership.Label]}, leftBudget); err != nil {
			return false, fmt.Errorf("left by an earlier run: %w", err)
		}
	}
	return true, run.CreateNamespace(ctx, client, name, privileged)
}

// Taken returns an error if a namespace of that name exists: on a cluster that is not ours, it belongs to somebody else. It waits
// for one of ours that is being deleted.
func Taken(ctx context.Context, client kubernetes.Interface, name string) error {
	ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	by := "is not ours"
	if run := ns.Labels[ownership.Label]; run != "" {
		if ns.DeletionTimestamp != nil {
			return awaitGone(ctx, client, ns, leftBudget)
		}
		by = fmt.Sprintf("was created by run %s of meshproof (if that run has ended: meshproof cluster clean --context CONTEXT)", run)
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("namespace %s, which the profile or its manifests fix, exists and %s; nothing was changed. Use another cluster, use no cluster (the run then creates one), or set another namespace in spec.namespace", name, by))
}
