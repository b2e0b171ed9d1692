package draft

import (
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeapi "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/workload"
)

// What runs in a namespace becomes a profile, and no value of a Secret leaves it.
func TestExportOfANamespace(t *testing.T) {
	in := metav1.ObjectMeta{Namespace: "prod", Name: "shop"}
	owned := metav1.ObjectMeta{Namespace: "prod", Name: "made", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "X", Name: "x", UID: "1"}}}
	two := int32(2)
	labels := map[string]string{"app": "shop"}
	secret := &corev1.Secret{ObjectMeta: in, Data: map[string][]byte{"cookie": []byte("realcookie"), "DATABASE_URL": []byte("realpassword")}}
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "sh.helm.release.v1.shop.v1"}, Data: map[string][]byte{"release": []byte("x")}}
	service := &corev1.Service{ObjectMeta: in, Spec: corev1.ServiceSpec{ClusterIP: "None", ClusterIPs: []string{"None"}, Selector: labels}}
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "web"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.1.1", Selector: labels, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30123}}}}
	app := &appsv1.Deployment{ObjectMeta: in, Spec: appsv1.DeploymentSpec{Replicas: &two, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "shop:1", Env: []corev1.EnvVar{{Name: "RELEASE_COOKIE", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "shop"}, Key: "cookie"},
		}}}}}},
	}}, Status: appsv1.DeploymentStatus{Replicas: 2}}
	api := fakeapi.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(secret, other, service, web, app, &corev1.ConfigMap{ObjectMeta: owned},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "kube-root-ca.crt"}}, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "default"}}).Build()
	dir := filepath.Join(t.TempDir(), "manifests")
	if err := export(t.Context(), client.Client(api), "prod", dir); err != nil {
		t.Fatal(err)
	}
	paths, err := workload.Folder(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	if got := strings.Join(names, " "); got != "deployment-shop.yaml secret-shop.yaml service-shop.yaml service-web.yaml" {
		t.Errorf("written are %s", got)
	}
	at := filepath.Join(filepath.Dir(dir), "profile.yaml")
	text, err := Profile(t.Context(), workload.Loader{}, dir, at)
	if err != nil || !strings.Contains(text, "manifests: [manifests]") || !strings.Contains(text, "{name: shop, key: cookie}") {
		t.Errorf("%v\n%s", err, text)
	}
	w, err := workload.Loader{}.Understand(t.Context(), at, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	y := rendered(t, w)
	for _, no := range []string{"realcookie", "realpassword", "cmVhbGNvb2tpZQ", "resourceVersion", "status:", "10.96.1.1", "30123", "uid:"} {
		if strings.Contains(y, no) {
			t.Errorf("%s is in\n%s", no, y)
		}
	}
	if err = export(t.Context(), api, "prod", dir); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("what is there is written over: %v", err)
	}
	if err = export(t.Context(), api, "empty", dir+"2"); err == nil || !strings.Contains(err.Error(), "namespace empty has no Deployment or StatefulSet") {
		t.Error(err)
	}
}
