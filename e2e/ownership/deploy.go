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
	"meshproof.dev/meshproof/e2e/progress"
)

// reaperName is the name of the reaper's objects in a namespace of the run's own.
const reaperName = "meshproof-reaper"

// reaper is the name of the reaper's objects. Within a namespace of somebody else it is one that nobody has.
func (r *Run) reaper() string {
	if r.Within != "" {
		return r.Name
	}
	return reaperName
}

// leasePath and rootPath are paths below the API server's address.
func (r *Run) leasePath() string {
	return "/apis/" + coordinationAPI + "/v1/namespaces/" + r.Namespace() + "/leases/" + r.lease()
}

func (r *Run) rootPath() string {
	if r.Within != "" {
		return r.leasePath()
	}
	return "/apis/" + rbacAPI + "/v1/clusterroles/" + r.Name
}

// mayOfLease is what the reaper may do with the run's Lease: read it, and delete it where it is the root.
func (r *Run) mayOfLease() []string {
	if r.Within != "" {
		return []string{"get", "delete"}
	}
	return []string{"get"}
}

// DeployReaper deploys the reaper to the run's namespace and waits until it runs, at most for the budget. Root, namespace and Lease
// must exist. After an error what the run makes is not removed if the run is killed.
func (r *Run) DeployReaper(ctx context.Context, client kubernetes.Interface, image string, budget time.Duration) error {
	if r.Root == "" {
		return errors.New("there is no root that it could delete")
	}
	var none metav1.CreateOptions
	ns := r.Namespace()
	in := metav1.ObjectMeta{Name: r.reaper(), Namespace: ns}
	account := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: in.Name, Namespace: ns}}
	all := []metav1.Object{
		&corev1.ServiceAccount{ObjectMeta: in},
		&rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{coordinationAPI}, Resources: []string{"leases"}, ResourceNames: []string{r.lease()}, Verbs: r.mayOfLease()},
		}},
		&rbacv1.RoleBinding{ObjectMeta: in, Subjects: account, RoleRef: rbacv1.RoleRef{APIGroup: rbacAPI, Kind: "Role", Name: in.Name}},
		r.deployment(image),
	}
	if r.Within != "" {
		for _, o := range all {
			r.Mark(o) // elsewhere they go with the namespace
		}
	} else {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: r.Name}, Subjects: account,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacAPI, Kind: "ClusterRole", Name: r.Name},
		}
		r.Mark(binding)
		all = append([]metav1.Object{binding}, all...)
	}
	for _, o := range all {
		var err error
		switch o := o.(type) {
		case *corev1.ServiceAccount:
			_, err = client.CoreV1().ServiceAccounts(ns).Create(ctx, o, none)
		case *rbacv1.Role:
			_, err = client.RbacV1().Roles(ns).Create(ctx, o, none)
		case *rbacv1.RoleBinding:
			_, err = client.RbacV1().RoleBindings(ns).Create(ctx, o, none)
		case *rbacv1.ClusterRoleBinding:
			_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, o, none)
		case *appsv1.Deployment:
			_, err = client.AppsV1().Deployments(ns).Create(ctx, o, none)
		}
		if err != nil {
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
	shown := progress.Wait(ctx, "the reaper to run")
	defer shown.Done()
	for {
		pods, err := client.CoreV1().Pods(r.Namespace()).List(ctx, metav1.ListOptions{LabelSelector: "app=" + r.reaper()})
		switch {
		case err != nil && ctx.Err() == nil:
			seen = err.Error()
		case err == nil && len(pods.Items) > 0:
			p := &pods.Items[0]
			if seen = waitsFor(p); p.Status.Phase == corev1.PodRunning {
				return nil
			}
		}
		shown.Seen(seen)
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

// deployment is the reaper's: one unprivileged pod with the agent's image. It satisfies Pod Security's level restricted.
func (r *Run) deployment(image string) *appsv1.Deployment {
	labels := map[string]string{"app": r.reaper()}
	no, yes, one, user, grace := false, true, int32(1), int64(65532), int64(1)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: r.reaper(), Namespace: r.Namespace(), Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					ServiceAccountName:            r.reaper(),
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
						Env: []corev1.EnvVar{{Name: reaper.LeaseEnv, Value: r.leasePath()}, {Name: reaper.RootEnv, Value: r.rootPath()}, {Name: reaper.RootUIDEnv, Value: string(r.Root)}},
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
