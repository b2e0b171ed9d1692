package ownership

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

// reaperName is the name of the reaper's objects in the run's namespace.
const reaperName = "meshproof-reaper"

// DeployReaper deploys the reaper to the run's namespace and waits until it runs, at most for the budget. Root, namespace and Lease
// must exist. After an error what the run makes is not removed if the run is killed.
func (r *Run) DeployReaper(ctx context.Context, client kubernetes.Interface, image string, budget time.Duration) error {
	if r.Root == "" {
		return errors.New("there is no root that it could delete")
	}
	var none metav1.CreateOptions
	in := metav1.ObjectMeta{Name: reaperName, Namespace: r.Name}
	account := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: reaperName, Namespace: r.Name}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: r.Name}, Subjects: account,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacAPI, Kind: "ClusterRole", Name: r.Name},
	}
	r.Mark(binding)
	for _, create := range []func() error{
		func() error {
			_, err := client.CoreV1().ServiceAccounts(r.Name).Create(ctx, &corev1.ServiceAccount{ObjectMeta: in}, none)
			return err
		},
		func() error {
			_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, none)
			return err
		},
		func() error {
			_, err := client.RbacV1().Roles(r.Name).Create(ctx, &rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{r.Name}, Verbs: []string{"get"}},
			}}, none)
			return err
		},
		func() error {
			_, err := client.RbacV1().RoleBindings(r.Name).Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: in, Subjects: account, RoleRef: rbacv1.RoleRef{APIGroup: rbacAPI, Kind: "Role", Name: reaperName},
			}, none)
			return err
		},
		func() error {
			_, err := client.AppsV1().Deployments(r.Name).Create(ctx, r.reaper(image), none)
			return err
		},
	} {
		if err := create(); err != nil {
			return err
		}
	}
	return r.awaitReaper(ctx, client, budget)
}

// awaitReaper waits until the reaper runs; the error says what its pod waits for.
func (r *Run) awaitReaper(ctx context.Context, client kubernetes.Interface, budget time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	seen := "it has no pod"
	for {
		pods, err := client.CoreV1().Pods(r.Name).List(ctx, metav1.ListOptions{LabelSelector: "app=" + reaperName})
		switch {
		case err != nil && ctx.Err() == nil:
			seen = err.Error()
		case err == nil && len(pods.Items) > 0:
			p := &pods.Items[0]
			if seen = waitsFor(p); p.Status.Phase == corev1.PodRunning {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not run after %s: %s", budget, seen)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func waitsFor(p *corev1.Pod) string {
	for _, s := range p.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil {
			return w.Reason + " " + w.Message
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status == corev1.ConditionFalse && c.Message != "" {
			return c.Message
		}
	}
	return "its pod is " + string(p.Status.Phase)
}

// pullSecrets are what a pod of the run names for pulling its image.
func (r *Run) pullSecrets() []corev1.LocalObjectReference {
	if r.PullSecret == "" {
		return nil
	}
	return []corev1.LocalObjectReference{{Name: r.PullSecret}}
}

// leave lets another node take over half a minute after the reaper's own is lost; by default that takes five.
func leave(taint string) corev1.Toleration {
	after := int64(30)
	return corev1.Toleration{Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &after}
}

// reaper is the Deployment: one unprivileged pod with the agent's image.
func (r *Run) reaper(image string) *appsv1.Deployment {
	labels := map[string]string{"app": reaperName}
	no, yes, one, user, grace := false, true, int32(1), int64(65532), int64(1)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: reaperName, Namespace: r.Name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					ServiceAccountName:            reaperName,
					EnableServiceLinks:            &no,
					ImagePullSecrets:              r.pullSecrets(),
					TerminationGracePeriodSeconds: &grace,
					Tolerations:                   []corev1.Toleration{leave(corev1.TaintNodeNotReady), leave(corev1.TaintNodeUnreachable)},
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{{
						Name: "reaper", Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"/reaper"},
						Env: []corev1.EnvVar{{Name: reaper.RunEnv, Value: r.Name}, {Name: reaper.RootEnv, Value: string(r.Root)}},
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: &no,
							ReadOnlyRootFilesystem:   &yes,
							Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
						Resources: corev1.ResourceRequirements{
							Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("5m"), corev1.ResourceMemory: resource.MustParse("16Mi")},
							Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
						},
					}},
				},
			},
		},
	}
}
