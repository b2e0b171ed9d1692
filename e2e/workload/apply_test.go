package workload

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeapi "sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
)

// applier is one whose cluster holds the objects, and namespace ns of ours.
func applier(there ...client.Object) *Applier {
	m := meta.NewDefaultRESTMapper(nil)
	for kind, scope := range map[schema.GroupVersionKind]meta.RESTScope{
		{Version: "v1", Kind: "Namespace"}:                                       meta.RESTScopeRoot,
		{Version: "v1", Kind: "ConfigMap"}:                                       meta.RESTScopeNamespace,
		{Version: "v1", Kind: "ServiceAccount"}:                                  meta.RESTScopeNamespace,
		{Version: "v1", Kind: "Pod"}:                                             meta.RESTScopeNamespace,
		{Group: "apps", Version: "v1", Kind: "StatefulSet"}:                      meta.RESTScopeNamespace,
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"}: meta.RESTScopeRoot,
	} {
		m.Add(kind, scope)
	}
	api := fakeapi.NewClientBuilder().WithScheme(scheme.Scheme).WithRESTMapper(m).WithObjects(there...).Build()
	return &Applier{Namespace: "ns", run: &ownership.Run{Name: "r1", Root: "root"}, ours: map[string]bool{"ns": true}, api: api}
}

func get(t *testing.T, a *Applier, apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	err := a.api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const clusterRole = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: shop}\n"

func TestAppliedIsRemovedUnlessItGoesWithANamespace(t *testing.T) {
	a := applier(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "default"}})
	err := a.Apply(t.Context(), parsed(t, `
apiVersion: v1
kind: Namespace
metadata: {name: ns, labels: {pod-security.kubernetes.io/enforce: baseline}}
---
`+clusterRole+`---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
imagePullSecrets: [{name: registry}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: here}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: there, namespace: databases}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: shop}
`), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if o := get(t, a, "v1", "Namespace", "", "ns"); o.GetLabels()["pod-security.kubernetes.io/enforce"] != "baseline" {
		t.Errorf("our namespace has not what the manifests want on it: %v", o.GetLabels())
	}
	account := get(t, a, "v1", "ServiceAccount", "ns", "default")
	if names, is := account.Object["imagePullSecrets"].([]any); !is || len(names) != 1 {
		t.Errorf("what the cluster makes in each namespace has not what the manifests want: %v", account)
	}
	if o := get(t, a, "rbac.authorization.k8s.io/v1", "ClusterRole", "", "shop"); o == nil || o.GetLabels()[ownership.Label] != "r1" {
		t.Errorf("what outlives our namespace does not say whose it is: %v", o)
	}
	want := "ServiceMonitor shop is skipped: the cluster does not have monitoring.coreos.com/v1; if the application needs it, add its CRD to spec.requires"
	if !slices.Equal(a.Skipped, []string{want}) {
		t.Errorf("skipped: %q", a.Skipped)
	}
	if !slices.ContainsFunc(a.made, a.outside) {
		t.Error("a ClusterRole goes with no namespace")
	}
	if err = a.Remove(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		apiVersion, kind, ns, name string
		there                      bool
	}{
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "", "shop", false},
		{"v1", "Namespace", "", "databases", false},
		{"v1", "Namespace", "", "ns", true}, // goes later, as a whole, with what is in it
		{"v1", "ConfigMap", "ns", "here", true},
	} {
		if there := get(t, a, c.apiVersion, c.kind, c.ns, c.name) != nil; there != c.there {
			t.Errorf("%s %s is there: %v", c.kind, c.name, there)
		}
	}
}

func TestWhatIsSomebodysIsNeverTouched(t *testing.T) {
	role := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "shop", "labels": map[string]any{"whose": "theirs"}}}}
	a := applier(role)
	err := a.Apply(t.Context(), parsed(t, clusterRole), time.Second)
	want := "clusterrole shop exists and is not ours; it was not changed. Use a cluster or a namespace without it, or another name in the manifests"
	if err == nil || err.Error() != want || exitcode.Of(err) != exitcode.Unavailable {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
	if err = a.Remove(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if o := get(t, a, "rbac.authorization.k8s.io/v1", "ClusterRole", "", "shop"); o == nil || o.GetLabels()["whose"] != "theirs" || o.GetLabels()[ownership.Label] != "" {
		t.Errorf("it is now %v", o)
	}
}

// The API server establishes a CRD a while after it was created, and says that it serves it a while after that.
func TestObjectsWaitForTheCRDOfTheirKind(t *testing.T) {
	widget := schema.GroupVersionKind{Group: "example.org", Version: "v1", Kind: "Widget"}
	m := meta.NewDefaultRESTMapper(nil)
	m.Add(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: crd}, meta.RESTScopeRoot)
	looks := 0
	api := fakeapi.NewClientBuilder().WithScheme(scheme.Scheme).WithRESTMapper(m).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, o, opts...)
			u, is := o.(*unstructured.Unstructured)
			if !is || u.GetKind() != crd {
				return err
			}
			if looks++; looks > 1 {
				_ = unstructured.SetNestedSlice(u.Object, []any{map[string]any{"type": "Established", "status": "True"}}, "status", "conditions")
			}
			if looks > 2 {
				m.Add(widget, meta.RESTScopeNamespace)
			}
			return err
		},
	}).Build()
	a := &Applier{Namespace: "ns", run: &ownership.Run{Name: "r1", Root: "root"}, ours: map[string]bool{"ns": true}, api: api}
	const text = `
apiVersion: example.org/v1
kind: Widget
metadata: {name: one}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec: {group: example.org, names: {kind: Widget}, versions: [{name: v1, served: true}, {name: v0, served: false}]}
`
	err := a.Apply(t.Context(), parsed(t, text), 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "customresourcedefinition widgets.example.org: not established") {
		t.Errorf("not awaited: %v", err)
	}
	if err = a.Remove(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	a.made, looks = nil, 0
	if err = a.Apply(t.Context(), parsed(t, text), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if o := get(t, a, "example.org/v1", "Widget", "ns", "one"); o == nil || len(a.Skipped) > 0 || looks != 3 {
		t.Errorf("%v, skipped %q, after %d looks", o, a.Skipped, looks)
	}
}

// A misspelt field would be left out of what runs, and the run would be green all the same.
func TestTheAPIServerIsToldToBeStrict(t *testing.T) {
	a := applier(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "default"}})
	told := map[string]string{}
	api, is := a.api.(client.WithWatch)
	if !is {
		t.Fatalf("%T", a.api)
	}
	a.api = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			told["create "+o.GetName()] = (&client.CreateOptions{}).ApplyOptions(opts).AsCreateOptions().FieldValidation
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			told["patch "+o.GetName()] = (&client.PatchOptions{}).ApplyOptions(opts).AsPatchOptions().FieldValidation
			return c.Patch(ctx, o, patch, opts...)
		},
	})
	err := a.Apply(t.Context(), parsed(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n"), time.Second)
	if err != nil || told["create c"] != "Strict" || told["patch default"] != "Strict" {
		t.Errorf("%v, %v", told, err)
	}
}

// A kind of Kubernetes' own that this one does not know is no CRD that is missing: without it nothing would run.
func TestAKindOfKubernetesIsNotSkipped(t *testing.T) {
	a := applier()
	err := a.Apply(t.Context(), parsed(t, "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: shop}\n"), time.Second)
	if err == nil || !strings.Contains(err.Error(), "deployment shop: this version of Kubernetes does not have Deployment in extensions/v1beta1") || len(a.Skipped) > 0 {
		t.Errorf("%v, skipped %v", err, a.Skipped)
	}
}

func TestFixedNamespace(t *testing.T) {
	theirs := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "prod"}}
	ours := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{ownership.Label: "r0"}}}
	for name, c := range map[string]struct {
		there *corev1.Namespace
		owned bool
		made  bool
		says  string
		label string // afterwards
	}{
		"none is there":                      {nil, false, true, "", "r1"},
		"theirs, on their cluster":           {theirs, false, false, "namespace prod, which the profile or its manifests fix, exists and is not ours; nothing was changed", ""},
		"another run's, on their cluster":    {ours, false, false, "was created by run r0 of meshproof", "r0"},
		"Kubernetes' own, on ours":           {theirs, true, false, "", ""},
		"left by an earlier run, on our own": {ours, true, true, "", "r1"},
	} {
		t.Run(name, func(t *testing.T) {
			cs := fake.NewClientset()
			if c.there != nil {
				cs = fake.NewClientset(c.there.DeepCopy())
			}
			made, err := FixedNamespace(t.Context(), cs, "prod", &ownership.Run{Name: "r1"}, false, c.owned)
			if made != c.made || (err != nil) != (c.says != "") || err != nil && (!strings.Contains(err.Error(), c.says) || exitcode.Of(err) != exitcode.Unavailable) {
				t.Errorf("made %v, %v", made, err)
			}
			ns, err := cs.CoreV1().Namespaces().Get(t.Context(), "prod", metav1.GetOptions{})
			if err != nil || ns.Labels[ownership.Label] != c.label {
				t.Errorf("afterwards %v, %v", ns, err)
			}
		})
	}
}

func TestAwaitTellsWhatIsNotAtWork(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "db-0"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "db", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}}}
	a := applier(pod)
	if err := a.Apply(t.Context(), parsed(t, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: 2}\n"), time.Second); err != nil {
		t.Fatal(err)
	}
	err := a.Await(t.Context(), 300*time.Millisecond)
	want := "not everything is ready after 300ms; last seen: statefulset db: 0 of 2 ready; container db of db-0 waits (ContainerCreating): "
	if err == nil || err.Error() != want || exitcode.Of(err) != exitcode.Fail {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
	// A pod that will never start ends the wait at once.
	pod.Status.ContainerStatuses[0].State.Waiting.Reason, pod.Status.ContainerStatuses[0].State.Waiting.Message = "ImagePullBackOff", "no such image"
	if err = a.api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err = a.Await(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "waits (ImagePullBackOff): no such image") || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	db := get(t, a, "apps/v1", "StatefulSet", "ns", "db")
	if err = unstructured.SetNestedField(db.Object, int64(2), "status", "readyReplicas"); err != nil {
		t.Fatal(err)
	}
	if err = a.api.Status().Update(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err = a.Await(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
}

// What the API server refuses is the manifests' fault. What it gave no answer to says nothing about them.
func TestARefusalIsTheManifestsFault(t *testing.T) {
	o := &unstructured.Unstructured{Object: map[string]any{"kind": "Service", "metadata": map[string]any{"name": "derl"}}}
	of := schema.GroupResource{Resource: "services"}
	for _, c := range []struct {
		err  error
		code int
	}{
		{apierrors.NewForbidden(of, "derl", errors.New("no")), exitcode.Fail},
		{apierrors.NewBadRequest("unknown field"), exitcode.Fail},
		{apierrors.NewInternalError(errors.New("failed calling webhook")), exitcode.Fail},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, exitcode.Internal},
		{io.ErrUnexpectedEOF, exitcode.Internal},
		{apierrors.NewServiceUnavailable("starting"), exitcode.Internal},
		{apierrors.NewTimeoutError("etcd", 1), exitcode.Internal},
		{apierrors.NewTooManyRequestsError("later"), exitcode.Internal},
	} {
		if err := refusal(o, c.err); exitcode.Of(err) != c.code || !errors.Is(err, c.err) || !strings.HasPrefix(err.Error(), "service derl: ") {
			t.Errorf("%v: %d", err, exitcode.Of(err))
		}
	}
}
