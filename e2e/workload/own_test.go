package workload

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

// What lies outside the namespaces of ours goes with the run's root, also if the run is killed; what is in them goes with them.
func TestWhatIsOutsideOfOurNamespacesBelongsToTheRun(t *testing.T) {
	a := applier(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "databases"}})
	err := a.Apply(t.Context(), parsed(t, clusterRole+`---
apiVersion: v1
kind: ConfigMap
metadata: {name: here}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: new}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: databases}
spec: {replicas: 1, volumeClaimTemplates: [{metadata: {name: data, labels: {app: db}}}]}
`), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	owned := func(o *unstructured.Unstructured) bool {
		refs := o.GetOwnerReferences()
		return o.GetLabels()[ownership.Label] == "r1" && len(refs) == 1 && refs[0] == a.run.Owner() && refs[0].UID == "root" && refs[0].Kind == "ClusterRole" && refs[0].Controller == nil
	}
	set := get(t, a, "apps/v1", "StatefulSet", "databases", "db")
	for what, o := range map[string]*unstructured.Unstructured{
		"the ClusterRole": get(t, a, "rbac.authorization.k8s.io/v1", "ClusterRole", "", "shop"), "a namespace that was made for it": get(t, a, "v1", "Namespace", "", "new"),
		"a StatefulSet in a namespace of others": set,
	} {
		if !owned(o) {
			t.Errorf("%s: %v", what, o.Object["metadata"])
		}
	}
	// The controller copies this to the claims that it makes, which are not removed with the StatefulSet.
	templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
	if claim := (&unstructured.Unstructured{Object: dict(templates[0])}); !owned(claim) || claim.GetLabels()["app"] != "db" {
		t.Errorf("its claims: %v", claim)
	}
	if o := get(t, a, "v1", "ConfigMap", "ns", "here"); len(o.GetOwnerReferences()) > 0 || len(o.GetLabels()) > 0 {
		t.Errorf("what goes with its namespace was changed: %v", o)
	}
	if o := get(t, a, "v1", "Namespace", "", "databases"); len(o.GetOwnerReferences()) > 0 || len(o.GetLabels()) > 0 {
		t.Errorf("a namespace of others was changed: %v", o)
	}
}

// The API server creates the object, and its answer is lost.
func TestWhatWasCreatedWithoutAnAnswerIsRemoved(t *testing.T) {
	const elsewhere = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there, namespace: databases}\n"
	databases := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "databases"}}
	for what, c := range map[string]struct {
		text, kind  string
		before      []client.Object
		api, ns, of string
	}{
		"clusterrole":                     {clusterRole, "ClusterRole", nil, "rbac.authorization.k8s.io/v1", "", "shop"},
		"namespace of a required object":  {elsewhere, "Namespace", nil, "v1", "", "databases"},
		"object in a namespace of others": {elsewhere, "ConfigMap", []client.Object{databases}, "v1", "databases", "there"},
	} {
		t.Run(what, func(t *testing.T) {
			a := applier(c.before...)
			api, is := a.api.(client.WithWatch)
			if !is {
				t.Fatalf("%T", a.api)
			}
			a.api = interceptor.NewClient(api, interceptor.Funcs{Create: func(ctx context.Context, c2 client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				copied, _ := o.DeepCopyObject().(client.Object)
				if err := c2.Create(ctx, copied, opts...); err != nil || o.GetObjectKind().GroupVersionKind().Kind != c.kind {
					return err
				}
				return errors.New("http2: client connection lost")
			}})
			if err := a.Apply(t.Context(), parsed(t, c.text), time.Second); err == nil || !strings.Contains(err.Error(), "connection lost") {
				t.Fatal(err)
			}
			there := func() bool { return get(t, a, c.api, c.kind, c.ns, c.of) != nil }
			if !there() {
				t.Fatal("nothing was created")
			}
			if err := a.Remove(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
			if there() {
				t.Error("it was forgotten")
			}
		})
	}
}

// An object of another run with the name of one whose creation failed stays.
func TestWhatAnotherRunMadeIsNotRemoved(t *testing.T) {
	a := applier()
	api, is := a.api.(client.WithWatch)
	if !is {
		t.Fatalf("%T", a.api)
	}
	a.api = interceptor.NewClient(api, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		o.SetLabels(map[string]string{ownership.Label: "r2"})
		if err := c.Create(ctx, o, opts...); err != nil {
			return err
		}
		o.SetUID("")
		return errors.New("no answer")
	}})
	if err := a.Apply(t.Context(), parsed(t, clusterRole), time.Second); err == nil {
		t.Fatal("it was answered")
	}
	if err := a.Remove(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if get(t, a, "rbac.authorization.k8s.io/v1", "ClusterRole", "", "shop") == nil {
		t.Error("it was removed")
	}
}

// A namespace that another run is removing is waited for. Nothing is stopped in it.
func TestANamespaceThatGoesIsOnlyWaitedFor(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod", "labels": {"meshproof.dev/run": "r0"}, "deletionTimestamp": "2026-11-28T19:00:00Z"}}`)
	s.Put("/api/v1/namespaces/prod/pods", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-1"}}`)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err = Taken(ctx, client, "prod"); err == nil || !strings.Contains(err.Error(), "namespace prod: it is not gone") {
		t.Error(err)
	}
	if len(s.Asked()) > 0 || !slices.Contains(s.Left(), "/api/v1/namespaces/prod/pods/shop-1") {
		t.Errorf("asked %q", s.Asked())
	}
}
