package workload

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Label marks every namespace of ours; its value is the run's name.
const Label = "meshproof.dev/run"

// CreateNamespace creates a namespace with the run's label. privileged allows the agent in it if Pod Security admission is on.
func CreateNamespace(ctx context.Context, client kubernetes.Interface, name, run string, privileged bool) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{Label: run}}}
	if privileged {
		ns.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

// DeleteNamespace deletes a namespace of ours and waits until it is gone, at most for the budget; with a budget of 0 it does not
// wait. The error says what still exists.
func DeleteNamespace(ctx context.Context, client kubernetes.Interface, name string, budget time.Duration) error {
	// Deleting a namespace takes as long as its slowest pod.
	if err := Stop(ctx, client, name); err != nil {
		return err
	}
	err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if budget == 0 {
		return nil
	}
	return stillThere("namespace", "", name, await(ctx, budget, func(ctx context.Context) (bool, string) {
		ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, ""
		}
		if err != nil {
			return false, err.Error()
		}
		seen := "phase " + string(ns.Status.Phase)
		for _, c := range ns.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				seen += ", " + c.Message
			}
		}
		return false, seen
	}, "it is not gone"))
}

// Stop deletes all pods of a namespace of ours without a grace period: none of them needs one. It deletes the workloads first, or
// they would create new pods at once.
func Stop(ctx context.Context, client kubernetes.Interface, namespace string) error {
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
func FixedNamespace(ctx context.Context, client kubernetes.Interface, name, run string, privileged, owned bool) (made bool, err error) {
	there, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return false, fmt.Errorf("namespace %s: %w", name, err)
	case !owned:
		if err = Taken(ctx, client, name); err != nil {
			return false, err
		}
	case there.Labels[Label] == "":
		return false, nil
	default:
		if err = DeleteNamespace(ctx, client, name, leftBudget); err != nil {
			return false, fmt.Errorf("left by an earlier run: %w", err)
		}
	}
	return true, CreateNamespace(ctx, client, name, run, privileged)
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
	if run := ns.Labels[Label]; run != "" {
		if ns.DeletionTimestamp != nil {
			return DeleteNamespace(ctx, client, name, leftBudget)
		}
		by = fmt.Sprintf("was created by run %s of meshproof (when that run has ended: kubectl delete namespace %s)", run, name)
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("namespace %s, which the profile or its manifests fix, exists and %s; nothing was changed. Use another cluster, use no cluster (the run then creates one), or set another namespace in spec.namespace", name, by))
}
