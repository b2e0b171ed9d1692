package ownership

import (
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The tests below need a cluster, any:
//
//	MESHPROOF_OWNERSHIP_TEST=$KUBECONFIG go test -run OnACluster -v ./e2e/ownership
func realCluster(t *testing.T) (*rest.Config, *cluster) {
	t.Helper()
	path := os.Getenv("MESHPROOF_OWNERSHIP_TEST")
	if path == "" {
		t.Skip("needs a cluster; MESHPROOF_OWNERSHIP_TEST names its kubeconfig")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS, cfg.Burst = 100, 200
	c, err := newCluster(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, c
}

// Kubernetes removes a namespace, a CRD and its objects, a ClusterRole, and the claims of a StatefulSet in a namespace that is not
// ours, when the root is deleted, and nothing else.
func TestTheRootTakesAllOnACluster(t *testing.T) {
	cfg, c := realCluster(t)
	ctx, r := t.Context(), New()
	if err := r.CreateRoot(ctx, c.client, "test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Remove(t.Context(), cfg, time.Minute); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if err := r.CreateNamespace(ctx, c.client, r.Name, false); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: r.Name + "-app"}}
	r.Mark(role)
	if _, err := c.client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	claim := corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
		}},
	}
	r.Mark(&claim)
	labels, two := map[string]string{"app": r.Name}, int32(1)
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: r.Name}, Spec: appsv1.StatefulSetSpec{
		Replicas: &two, ServiceName: "none", Selector: &metav1.LabelSelector{MatchLabels: labels}, VolumeClaimTemplates: []corev1.PersistentVolumeClaim{claim},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "localhost/none:1"}}}},
	}}
	r.Mark(set)
	if _, err := c.client.AppsV1().StatefulSets("default").Create(ctx, set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	crd(t, cfg, r)
	all := found(t, c, r.Name, 6) // root, namespace, role, set, its claim, CRD
	began := time.Now()
	if err := r.DeleteRoot(ctx, c.client); err != nil {
		t.Fatal(err)
	}
	for left := all; len(left) > 0; time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal(c.left(left, nil))
		}
		still := left[:0:0]
		for _, o := range left {
			if c.exists(ctx, o) {
				still = append(still, o)
			}
		}
		left = still
	}
	t.Logf("all gone after %s", time.Since(began).Round(time.Millisecond))
}

func crd(t *testing.T, cfg *rest.Config, r *Run) {
	t.Helper()
	d, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "widgets.test.meshproof.dev"},
		"spec": map[string]any{"group": "test.meshproof.dev", "scope": "Namespaced", "names": map[string]any{"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}}},
	}}
	r.Mark(o)
	if _, err = d.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// found waits until so many objects have the run's label.
func found(t *testing.T, c *cluster, run string, n int) []*object {
	t.Helper()
	for range 50 {
		began := time.Now()
		all, unseen, err := c.find(t.Context(), run, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == n {
			t.Logf("found in %s: %s; unseen %v", time.Since(began), list(all), unseen)
			return all
		}
		time.Sleep(200 * time.Millisecond)
	}
	all, _, _ := c.find(t.Context(), run, false)
	t.Fatalf("found %s", list(all))
	return nil
}
