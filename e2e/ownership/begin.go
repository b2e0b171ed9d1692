package ownership

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// CreateRoot creates the root of a run that has a namespace of its own; within a namespace the Lease is the root. It is at the same
// time what the reaper may do beside reading the Lease: delete this root. A user who may not create it gets a run without root, and
// the error says so. named is the name of the run's results.
func (r *Run) CreateRoot(ctx context.Context, client kubernetes.Interface, named string) error {
	root := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: r.Name, Annotations: map[string]string{results: named}},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{rbacAPI}, Resources: []string{"clusterroles"}, ResourceNames: []string{r.Name}, Verbs: []string{"get", "delete"}}},
	}
	r.Mark(root)
	made, err := client.RbacV1().ClusterRoles().Create(ctx, root, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("clusterrole %s: %w", r.Name, err)
	}
	r.Root = made.UID
	return nil
}

// CreateNamespace creates a namespace of the run. privileged allows the agent in it if Pod Security admission is on.
func (r *Run) CreateNamespace(ctx context.Context, client kubernetes.Interface, name string, privileged bool) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	r.Mark(ns)
	if privileged {
		ns.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

// Refused reports whether an error says that the user has no permission.
func Refused(err error) bool { return apierrors.IsForbidden(err) }
