package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// outside reports whether an object is not removed with a namespace of ours.
func (a *Applier) outside(o *unstructured.Unstructured) bool { return !a.ours[o.GetNamespace()] }

// Remove deletes the objects that were created outside the namespaces of ours, the last first, and waits until they are gone, at
// most for the budget; with 0 it does not wait. Their pods and volumes are removed, too: the next run would take the pods for its
// own, and find old data in the volumes of a StatefulSet. Objects are compared by UID: another one of the same name is not deleted.
// One whose creation was not answered is looked for by its name and the run's label.
func (a *Applier) Remove(ctx context.Context, budget time.Duration) error {
	var errs []error
	for _, o := range slices.Backward(a.made) {
		if !a.outside(o) {
			continue
		}
		if there, err := a.lookUp(ctx, o); err != nil || !there {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, a.remove(ctx, o, describe(o), budget))
		if o.GetKind() == "StatefulSet" {
			errs = append(errs, a.removeClaims(ctx, o, budget))
		}
	}
	return errors.Join(errs...)
}

// lookUp reports whether an object whose creation was not answered was created by the run all the same.
func (a *Applier) lookUp(ctx context.Context, o *unstructured.Unstructured) (there bool, err error) {
	if o.GetUID() != "" {
		return true, nil
	}
	now := o.DeepCopy()
	err = a.api.Get(ctx, client.ObjectKeyFromObject(o), now)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", describe(o), err)
	}
	o.SetUID(now.GetUID())
	if made := o.GetCreationTimestamp(); made.IsZero() {
		o.SetCreationTimestamp(now.GetCreationTimestamp())
	}
	return a.run.Made(now), nil
}

func (a *Applier) remove(ctx context.Context, o client.Object, what string, budget time.Duration) error {
	uid := o.GetUID()
	// In the foreground: the object exists until its pods are gone.
	err := a.api.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationForeground), client.Preconditions{UID: &uid})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err == nil && budget > 0 {
		kind, name, _ := strings.Cut(what, " ")
		return stillThere(kind, o.GetNamespace(), name, await(ctx, budget, what+" to be gone", func(ctx context.Context) (bool, string) {
			now, _ := o.DeepCopyObject().(client.Object)
			gone := a.api.Get(ctx, client.ObjectKeyFromObject(o), now)
			return apierrors.IsNotFound(gone) || gone == nil && now.GetUID() != uid, "it still exists"
		}, "it is not gone"))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// removeClaims deletes the volume claims that a StatefulSet of ours created; they are not removed with it. Older ones are not ours.
func (a *Applier) removeClaims(ctx context.Context, set *unstructured.Unstructured, budget time.Duration) error {
	templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
	if len(templates) == 0 {
		return nil
	}
	var all corev1.PersistentVolumeClaimList
	if err := a.api.List(ctx, &all, client.InNamespace(set.GetNamespace())); err != nil {
		return fmt.Errorf("the volumes of %s: %w", describe(set), err)
	}
	var errs []error
	for i := range all.Items {
		c := &all.Items[i]
		made := slices.ContainsFunc(templates, func(t any) bool {
			ordinal, is := strings.CutPrefix(c.Name, text(dict(dict(t)["metadata"])["name"])+"-"+set.GetName()+"-")
			_, err := strconv.ParseUint(ordinal, 10, 32)
			return is && err == nil
		})
		if earlier := set.GetCreationTimestamp(); made && !c.CreationTimestamp.Before(&earlier) {
			errs = append(errs, a.remove(ctx, c, "persistentvolumeclaim "+c.Name, budget))
		}
	}
	return errors.Join(errs...)
}
