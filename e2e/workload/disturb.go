package workload

import (
	"context"
	"fmt"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// ForceDeletePod deletes a pod as kubectl delete --force --grace-period=0 does.
func ForceDeletePod(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	now := int64(0)
	return client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
}

// EvictPod evicts a pod as kubectl drain does. While a PodDisruptionBudget forbids it, it tries again, for the budget at most.
func EvictPod(ctx context.Context, client kubernetes.Interface, namespace, name string, budget time.Duration) error {
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	refused := error(nil)
	return await(ctx, budget, "a PodDisruptionBudget to allow the eviction of "+name, func(ctx context.Context) (bool, string) {
		refused = client.PolicyV1().Evictions(namespace).Evict(ctx, eviction)
		if refused == nil || apierrors.IsNotFound(refused) {
			return true, ""
		}
		return false, refused.Error()
	}, "pod "+name+" was not evicted")
}

// Scale sets the number of replicas of a Deployment or StatefulSet.
func Scale(ctx context.Context, client kubernetes.Interface, namespace, kind, name string, replicas int) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	var err error
	switch kind {
	case "Deployment":
		_, err = client.AppsV1().Deployments(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "scale")
	case "StatefulSet":
		_, err = client.AppsV1().StatefulSets(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "scale")
	default:
		err = fmt.Errorf("a %s cannot be scaled", kind)
	}
	return err
}

// Cordon says whether a node of the cluster takes no more pods.
func Cordon(ctx context.Context, client kubernetes.Interface, node string, cordoned bool) error {
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, cordoned)
	_, err := client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
