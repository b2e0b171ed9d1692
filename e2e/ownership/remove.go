package ownership

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/progress"
)

// StillThere is the error about something that was deleted and is not gone.
type StillThere struct {
	Kind      string // as kubectl takes it: "namespace", "clusterrole"
	Namespace string // "" for an object without one
	Name      string
	Why       string
}

// Object names it, with its namespace.
func (s *StillThere) Object() string {
	if s.Namespace != "" {
		return s.Kind + " " + s.Namespace + "/" + s.Name
	}
	return s.Kind + " " + s.Name
}

func (s *StillThere) Error() string { return s.Object() + ": " + s.Why }

// Remove removes everything that has the run's label, and waits until it is gone, at most for the budget. The error names what is
// still there, and why ([StillThere]). Without an error it was seen that nothing is left.
func (r *Run) Remove(ctx context.Context, cfg *rest.Config, budget time.Duration) error {
	c, err := newCluster(cfg)
	if err != nil {
		return err
	}
	c.namespace = r.Within
	all, _, err := c.find(ctx, r.Name, false)
	return errors.Join(err, c.remove(ctx, all, budget))
}

// DeleteRoot deletes the root; Kubernetes then removes what it owned.
func (r *Run) DeleteRoot(ctx context.Context, client kubernetes.Interface) error {
	if r.Root == "" {
		return nil
	}
	root, only := r.Owner(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &r.Root}}
	var err error
	if r.Within != "" {
		err = client.CoordinationV1().Leases(r.Within).Delete(ctx, root.Name, only)
	} else {
		err = client.RbacV1().ClusterRoles().Delete(ctx, root.Name, only)
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("%s %s: %w", strings.ToLower(root.Kind), root.Name, err)
	}
	return nil
}

// gone reports whether an error of a request with a UID says that this object does not exist any more.
func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// remove deletes the objects and waits until they are gone.
func (c *cluster) remove(ctx context.Context, all []*object, budget time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	background := metav1.DeletePropagationBackground
	refused := map[*object]error{}
	for _, o := range all {
		if o.DeletionTimestamp != nil {
			continue
		}
		err := c.metadata.Resource(o.kind).Namespace(o.Namespace).Delete(ctx, o.Name, metav1.DeleteOptions{
			PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &o.UID},
		})
		if err != nil && !gone(err) {
			refused[o] = err
		}
	}
	left := all
	shown := progress.Wait(ctx, "what the run made to be gone")
	defer shown.Done()
	for {
		var still []*object
		for _, o := range left {
			if c.exists(ctx, o) {
				still = append(still, o)
			}
		}
		if left = still; len(left) == 0 {
			return nil
		}
		shown.Seen(fmt.Sprintf("%d objects are left, the first is %s %s", len(left), left[0].kind.Resource, left[0].Name))
		select {
		case <-ctx.Done():
			return c.left(left, refused)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// exists reports whether the object is still there, and takes note of its present state. What cannot be read is still there.
func (c *cluster) exists(ctx context.Context, o *object) bool {
	now, err := c.metadata.Resource(o.kind).Namespace(o.Namespace).Get(ctx, o.Name, metav1.GetOptions{})
	if err != nil {
		return !apierrors.IsNotFound(err)
	}
	if now.UID != o.UID {
		return false
	}
	o.ObjectMeta = now.ObjectMeta
	return true
}

// left is the error that names the objects and says why each is still there.
func (c *cluster) left(all []*object, refused map[*object]error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for _, o := range all {
		why := c.why(ctx, o)
		if err := refused[o]; err != nil {
			why = err.Error()
		}
		errs = append(errs, &StillThere{Kind: o.singular, Namespace: o.Namespace, Name: o.Name, Why: why})
	}
	return errors.Join(errs...)
}

func (c *cluster) why(ctx context.Context, o *object) string {
	if len(o.Finalizers) > 0 {
		return "waits for its finalizer " + strings.Join(o.Finalizers, ", ")
	}
	if o.kind.Resource == "namespaces" {
		ns, err := c.client.CoreV1().Namespaces().Get(ctx, o.Name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if seen := Remaining(ns); len(seen) > 0 {
			return strings.Join(seen, " ")
		}
	}
	if o.DeletionTimestamp != nil {
		return "it is being deleted"
	}
	return "it was not deleted"
}

// Remaining are the sentences in which Kubernetes says what is left in a namespace that is being deleted.
func Remaining(ns *corev1.Namespace) (seen []string) {
	for _, c := range ns.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			seen = append(seen, c.Message)
		}
	}
	return seen
}
