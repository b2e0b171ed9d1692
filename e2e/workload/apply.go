package workload

import (
	"context"
	"encoding/json"
	"errors"
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
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/progress"
)

// Applier creates objects, remembers them, and removes those that are not removed with one of our namespaces. It never changes
// or removes an object that it did not create.
type Applier struct {
	Namespace string   // for objects that name none
	Skipped   []string // a sentence for each object whose kind the cluster does not have

	warnings warnings

	run  *ownership.Run
	api  client.Client
	ours map[string]bool // true: we created the namespace, and its objects are removed with it
	made []*unstructured.Unstructured
}

// NewApplier creates objects in the namespace by default; made reports whether we created that. The objects belong to the
// run.
func NewApplier(cfg *rest.Config, namespace string, run *ownership.Run, made bool) (*Applier, error) {
	a := &Applier{Namespace: namespace, run: run, ours: map[string]bool{namespace: made}}
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandler, cfg.WarningHandlerWithContext = nil, &a.warnings
	r, err := resources.New(cfg)
	if err != nil {
		return nil, err
	}
	a.api = r.GetControllerRuntimeClient()
	return a, nil
}

// Apply creates the objects of rendered manifests, strictly: a field that the API server does not know is an error, not a
// warning. It creates the CRDs first and waits for them, at most for the budget, because other objects may be of their kinds.
// Apart from that the order is kept. An object whose kind needs a CRD that the cluster does not have is skipped. An object that
// exists already is an error: it belongs to somebody else.
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
		// Pod Security admission reads the labels that the manifests set on it.
		return a.adapt(ctx, o, map[string]any{"metadata": map[string]any{"labels": o.GetLabels(), "annotations": o.GetAnnotations()}})
	}
	if !a.ours[o.GetNamespace()] {
		a.own(o) // it is not removed with a namespace of ours
	}
	err = a.createNoted(ctx, o, strict)
	switch {
	case apierrors.IsAlreadyExists(err) && a.ours[o.GetNamespace()]:
		return a.adapt(ctx, o, o.Object) // the cluster creates some in each namespace: ServiceAccount default
	case apierrors.IsAlreadyExists(err):
		return a.taken(ctx, o)
	case err != nil:
		return refusal(o, err)
	}
	if o.GetKind() == "Namespace" && o.GroupVersionKind().Group == "" {
		a.ours[o.GetName()] = true
	}
	return nil
}

// createNoted notes the object before it is created: the answer of the API server may be lost. An object of that name that exists
// already was not created, and is not noted.
func (a *Applier) createNoted(ctx context.Context, o *unstructured.Unstructured, options ...client.CreateOption) error {
	noted := len(a.made)
	a.made = append(a.made, o)
	err := a.api.Create(ctx, o, options...)
	if apierrors.IsAlreadyExists(err) {
		a.made = a.made[:noted]
	}
	return err
}

// own gives an object outside the namespaces of ours the run's label and owner, also for the volume claims that a StatefulSet is to
// create: they are not removed with it.
func (a *Applier) own(o *unstructured.Unstructured) {
	a.run.Mark(o)
	if o.GetKind() != "StatefulSet" {
		return
	}
	templates, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	for _, t := range templates {
		if t := dict(t); t != nil {
			a.run.Mark(&unstructured.Unstructured{Object: t})
		}
	}
	if len(templates) > 0 {
		dict(o.Object["spec"])["volumeClaimTemplates"] = templates
	}
}

// place sets our namespace on an object that names none, if its kind has one. known is false if the cluster does not have the
// kind.
func (a *Applier) place(ctx context.Context, o *unstructured.Unstructured) (known bool, err error) {
	gvk := o.GroupVersionKind()
	m, err := a.api.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err) && strings.Contains(gvk.Group, "."):
		// The group of a CRD always has a dot in it.
		a.Skipped = append(a.Skipped, fmt.Sprintf("%s %s is skipped: the cluster does not have %s; if the application needs it, add its CRD to spec.requires", gvk.Kind, o.GetName(), o.GetAPIVersion()))
		return false, nil
	case meta.IsNoMatchError(err):
		return false, exitcode.With(exitcode.Fail, fmt.Errorf("%s: this version of Kubernetes does not have %s in %s", describe(o), gvk.Kind, o.GetAPIVersion()))
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

// elsewhere creates the namespace of a required object, if it is not ours and does not exist.
func (a *Applier) elsewhere(ctx context.Context, name string) error {
	if _, seen := a.ours[name]; seen {
		return nil
	}
	ns := &unstructured.Unstructured{}
	ns.SetAPIVersion("v1")
	ns.SetKind("Namespace")
	ns.SetName(name)
	a.run.Mark(ns)
	err := a.createNoted(ctx, ns)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	a.ours[name] = err == nil
	return nil
}

// adapt changes an object in a namespace of ours, or that namespace, to what the manifests say.
func (a *Applier) adapt(ctx context.Context, o *unstructured.Unstructured, want map[string]any) error {
	patch, err := json.Marshal(want)
	if err != nil {
		return err
	}
	if err = a.api.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), strict); err != nil {
		return refusal(o, err)
	}
	return nil
}

// refusal is the error about an object that could not be created. Where the API server has looked at it and refused it, the manifests
// fail; one that gave no answer, or could not give one, says nothing about them.
func refusal(o *unstructured.Unstructured, err error) error {
	var status apierrors.APIStatus
	said := fmt.Errorf("%s: %w", describe(o), err)
	if !errors.As(err, &status) || apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) {
		return said
	}
	return exitcode.With(exitcode.Fail, said)
}

// taken is the error about an object that exists already.
func (a *Applier) taken(ctx context.Context, o *unstructured.Unstructured) error {
	run, there := "", o.DeepCopy()
	if err := a.api.Get(ctx, client.ObjectKeyFromObject(o), there); err == nil {
		run = there.GetLabels()[ownership.Label]
	}
	return isTaken(describe(o), o.GetNamespace(), run)
}

// Delete deletes one object that was created.
func (a *Applier) Delete(ctx context.Context, kind, name string) error {
	for _, o := range a.made {
		if o.GetKind() != kind || o.GetName() != name {
			continue
		}
		uid := o.GetUID()
		if err := a.api.Delete(ctx, o, client.Preconditions{UID: &uid}); err != nil {
			return fmt.Errorf("deleting %s: %w", describe(o), err)
		}
		return nil
	}
	return fmt.Errorf("cannot delete %s %s: it is not in the manifests", kind, name)
}

// strict makes the API server reject a field that it does not know, instead of a warning that nobody reads.
const strict = client.FieldValidation(metav1.FieldValidationStrict)

// crd is the kind of objects that define other kinds.
const crd = "CustomResourceDefinition"

func describe(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s", strings.ToLower(o.GetKind()), o.GetName())
}

// Secret reads one key of a Secret. The caller must keep the value secret; no error contains it.
func Secret(ctx context.Context, client kubernetes.Interface, namespace, name, key string) ([]byte, error) {
	s, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	v, ok := s.Data[key]
	if !ok || len(v) == 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("secret %s has no key %q, or its value is empty; its keys: %s. Add the key to the Secret, or name another in the profile", name, key, strings.Join(sortedKeys(s.Data), ", ")))
	}
	return v, nil
}

// DeletePod deletes one pod with its own grace period, as a rollout or a drain would.
func DeletePod(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	return client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// await waits for a condition that returns what it saw, for those who watch and for the error, which begins with failed.
func await(ctx context.Context, budget time.Duration, what string, look func(context.Context) (bool, string), failed string) error {
	seen := "nothing yet"
	shown := progress.Wait(ctx, what)
	defer shown.Done()
	err := wait.For(func(context.Context) (bool, error) {
		// Without the budget's deadline: the error of a request that the deadline interrupts would hide what was seen before.
		done, now := look(ctx)
		if !done {
			seen = now
			shown.Seen(now)
		}
		return done, nil
	}, wait.WithContext(ctx), wait.WithImmediate(), wait.WithInterval(200*time.Millisecond), wait.WithTimeout(budget))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w; last seen: %s", failed, ctx.Err(), seen)
	}
	return fmt.Errorf("%s after %s; last seen: %s", failed, budget, seen)
}
