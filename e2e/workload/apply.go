package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
)

// Applier creates objects, remembers them, and removes what does not go with a namespace of ours. It never changes or
// removes an object that it did not make.
type Applier struct {
	Namespace string   // of objects that name none
	Skipped   []string // objects of kinds that the cluster does not know, a sentence each

	run  string
	api  client.Client
	ours map[string]bool // namespaces that we made: what is in them goes with them
	made []*unstructured.Unstructured
}

// NewApplier begins with a namespace, whose name reports whether we made it. run is the value of [Label] on what we make.
func NewApplier(cfg *rest.Config, namespace, run string, made bool) (*Applier, error) {
	r, err := resources.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Applier{Namespace: namespace, run: run, api: r.GetControllerRuntimeClient(), ours: map[string]bool{namespace: made}}, nil
}

// Apply creates the objects of rendered manifests, strictly: a field that the API server does not know is an error, not a
// warning. CRDs are the first, wherever they stand, and are awaited for at most the budget: the others may be of their kinds.
// Beyond that the order is kept. An object of a kind that a CRD would have to define and none does is skipped. An object that is
// there already is an error: it is somebody's.
func (a *Applier) Apply(ctx context.Context, objects *manifest.Set, budget time.Duration) error {
	var kinds, others []*manifest.Document
	for _, d := range objects.Documents {
		if d.Kind == crd {
			kinds = append(kinds, d)
		} else {
			others = append(others, d)
		}
	}
	err := a.createAll(ctx, kinds)
	if err == nil && len(kinds) > 0 {
		err = a.Await(ctx, budget)
	}
	if err != nil {
		return err
	}
	return a.createAll(ctx, others)
}

func (a *Applier) createAll(ctx context.Context, all []*manifest.Document) error {
	for _, d := range all {
		if err := a.create(ctx, &unstructured.Unstructured{Object: d.Copy()}); err != nil {
			return err
		}
	}
	return nil
}

func (a *Applier) create(ctx context.Context, o *unstructured.Unstructured) error {
	known, err := a.place(ctx, o)
	if err != nil || !known {
		return err
	}
	if o.GetKind() == "Namespace" && o.GroupVersionKind().Group == "" && a.ours[o.GetName()] {
		// Admission goes by the labels that the manifests want on it.
		return a.adapt(ctx, o, map[string]any{"metadata": map[string]any{"labels": o.GetLabels(), "annotations": o.GetAnnotations()}})
	}
	if !a.ours[o.GetNamespace()] {
		label(o, a.run) // it outlives every namespace of ours: who finds it is to know whose it is
	}
	err = a.api.Create(ctx, o, strict)
	switch {
	case apierrors.IsAlreadyExists(err) && a.ours[o.GetNamespace()]:
		return a.adapt(ctx, o, o.Object) // the cluster makes some in each namespace: ServiceAccount default
	case apierrors.IsAlreadyExists(err):
		return a.taken(ctx, o)
	case err != nil:
		return exitcode.With(exitcode.Fail, fmt.Errorf("%s: %w", describe(o), err))
	}
	if o.GetKind() == "Namespace" && o.GroupVersionKind().Group == "" {
		a.ours[o.GetName()] = true
	}
	a.made = append(a.made, o)
	return nil
}

// place gives an object that names no namespace ours, where its kind has one. It is false when the cluster lacks the kind.
func (a *Applier) place(ctx context.Context, o *unstructured.Unstructured) (known bool, err error) {
	gvk := o.GroupVersionKind()
	m, err := a.api.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err) && strings.Contains(gvk.Group, "."):
		// The group of a CRD always has a dot in it.
		a.Skipped = append(a.Skipped, fmt.Sprintf("%s %s is skipped: the cluster does not know %s; where the application needs it, add its CRD to spec.requires", gvk.Kind, o.GetName(), o.GetAPIVersion()))
		return false, nil
	case meta.IsNoMatchError(err):
		return false, exitcode.With(exitcode.Fail, fmt.Errorf("%s: this Kubernetes does not know %s of %s", describe(o), gvk.Kind, o.GetAPIVersion()))
	case err != nil:
		return false, fmt.Errorf("%s: %w", describe(o), err)
	case m.Scope.Name() != meta.RESTScopeNameNamespace:
		o.SetNamespace("")
		return true, nil
	case o.GetNamespace() == "":
		o.SetNamespace(a.Namespace)
	}
	return true, a.elsewhere(ctx, o.GetNamespace())
}

// elsewhere makes the namespace of an object that is required, where it is another than ours and there is none.
func (a *Applier) elsewhere(ctx context.Context, name string) error {
	if _, seen := a.ours[name]; seen {
		return nil
	}
	ns := &unstructured.Unstructured{}
	ns.SetAPIVersion("v1")
	ns.SetKind("Namespace")
	ns.SetName(name)
	label(ns, a.run)
	err := a.api.Create(ctx, ns)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	if a.ours[name] = err == nil; err == nil {
		a.made = append(a.made, ns)
	}
	return nil
}

// adapt gives an object in a namespace of ours, or that namespace, what the manifests want.
func (a *Applier) adapt(ctx context.Context, o *unstructured.Unstructured, want map[string]any) error {
	patch, err := json.Marshal(want)
	if err != nil {
		return err
	}
	if err = a.api.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), strict); err != nil {
		return exitcode.With(exitcode.Fail, fmt.Errorf("%s: %w", describe(o), err))
	}
	return nil
}

func label(o *unstructured.Unstructured, run string) {
	l := o.GetLabels()
	if l == nil {
		l = map[string]string{}
	}
	l[Label] = run
	o.SetLabels(l)
}

// taken is the error about an object that is there already.
func (a *Applier) taken(ctx context.Context, o *unstructured.Unstructured) error {
	by, there := "it is not ours", o.DeepCopy()
	if err := a.api.Get(ctx, client.ObjectKeyFromObject(o), there); err == nil && there.GetLabels()[Label] != "" {
		by = "run " + there.GetLabels()[Label] + " of meshproof made it"
	}
	where := ""
	if o.GetNamespace() != "" {
		where = " in namespace " + o.GetNamespace()
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("%s is there already%s: %s, and it was not changed. Take a cluster without it, or give it another name in the manifests", describe(o), where, by))
}

// Delete deletes one object that was made.
func (a *Applier) Delete(ctx context.Context, kind, name string) error {
	for _, o := range a.made {
		if o.GetKind() != kind || o.GetName() != name {
			continue
		}
		if err := a.api.Delete(ctx, o); err != nil {
			return fmt.Errorf("deleting %s: %w", describe(o), err)
		}
		return nil
	}
	return fmt.Errorf("there is no %s %s among the manifests to delete", kind, name)
}

// strict has the API server refuse a field that it does not know, instead of a warning that nobody reads.
const strict = client.FieldValidation(metav1.FieldValidationStrict)

// crd is the kind of objects that define kinds.
const crd = "CustomResourceDefinition"

func describe(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s", strings.ToLower(o.GetKind()), o.GetName())
}

// Secret reads one key of a Secret. The value is the caller's to guard; no error holds it.
func Secret(ctx context.Context, client kubernetes.Interface, namespace, name, key string) ([]byte, error) {
	s, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	v, ok := s.Data[key]
	if !ok || len(v) == 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("secret %s has no key %q, or nothing under it; keys there: %s", name, key, strings.Join(sortedKeys(s.Data), ", ")))
	}
	return v, nil
}

// DeletePod deletes one pod with the grace period it asks for, as a rollout or a drain would.
func DeletePod(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	return client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// await waits for a condition of ours that tells what it saw, so that the error can.
func await(ctx context.Context, budget time.Duration, look func(context.Context) (bool, string), what string) error {
	seen := "nothing yet"
	err := wait.For(func(context.Context) (bool, error) {
		// Not with the budget's own end: what a look says that this cut off would hide what was seen before.
		done, now := look(ctx)
		if !done {
			seen = now
		}
		return done, nil
	}, wait.WithContext(ctx), wait.WithImmediate(), wait.WithInterval(200*time.Millisecond), wait.WithTimeout(budget))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w; last seen: %s", what, ctx.Err(), seen)
	}
	return fmt.Errorf("%s after %s; last seen: %s", what, budget, seen)
}
