package crashtest

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// somebody makes a cluster that is no run's: its notes are in a folder that no run knows. An application of somebody's runs there,
// with objects of the kinds that a run makes, too.
func somebody(t *testing.T, root string) *target.Cluster {
	t.Helper()
	ctx := context.Background()
	o := environment.Options{Log: func(s string) { t.Log(s) }}
	ws, err := workload.Loader{Fixtures: filepath.Join(root, "fixtures")}.LoadAll(ctx, []string{"dns-a"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := environment.Images(ctx, &o, ws[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Kind(ctx, target.Options{
		Engine: made.Engine, StateDir: t.TempDir(), Name: "meshproof-somebody", NodeImage: made.Node.Ref, OwnPodNetwork: made.OwnPodNetwork(), Log: o.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := c.Close(closing); err != nil {
			t.Error(err)
		}
	})
	if err := c.WaitDNS(ctx); err != nil {
		t.Fatal(err)
	}
	shop(t, kubernetes.NewForConfigOrDie(c.Config))
	return c
}

// shop is what somebody has there. Two of its objects carry names or labels that look like a run's and are none.
func shop(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ctx, meta := context.Background(), metav1.CreateOptions{}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	for _, ns := range []string{"shop", "meshproof-agent-shop"} {
		must(client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: named(ns)}, meta))
		must(client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: named("meshproof"), Data: map[string]string{"a": "b"}}, meta))
		must(client.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: named("derl"), StringData: map[string]string{"cookie": "of the shop"}}, meta))
	}
	labels := map[string]string{"app": "derl"} // as the pods of our fixtures
	must(client.AppsV1().Deployments("shop").Create(ctx, &appsv1.Deployment{ObjectMeta: named("derl"), Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "pause", Image: "registry.k8s.io/pause:3.10", ImagePullPolicy: corev1.PullNever}},
		}},
	}}, meta))
	must(client.CoreV1().Services("shop").Create(ctx, &corev1.Service{ObjectMeta: named("derl"), Spec: corev1.ServiceSpec{
		ClusterIP: "None", Selector: labels, Ports: []corev1.ServicePort{{Port: 4369}},
	}}, meta))
	must(client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: named("meshproof-shop")}, meta))
	available := func() []string {
		d, err := client.AppsV1().Deployments("shop").Get(ctx, "derl", metav1.GetOptions{})
		if err == nil && d.Status.AvailableReplicas == 1 {
			return nil
		}
		return []string{"the shop's deployment is not available"}
	}
	waitFor(t, time.Minute, available)
}

// settled waits until a young cluster has come to rest: nothing in it has changed for some time.
func settled(t *testing.T, cfg *rest.Config) snapshot {
	t.Helper()
	const calm = 20 * time.Second
	last, since := take(t, cfg), time.Now()
	for began := time.Now(); time.Since(since) < calm; time.Sleep(time.Second) {
		now := take(t, cfg)
		if d := last.differences(now); len(d) > 0 {
			last, since = now, time.Now()
			if time.Since(began) > 3*time.Minute {
				t.Fatalf("the cluster does not come to rest: %v", d)
			}
		}
	}
	return last
}
