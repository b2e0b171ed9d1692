package ownership

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

// sweepBudget is how long the removal of what one dead run left may take.
const sweepBudget = 60 * time.Second

// Sweep removes what dead runs have left on the cluster: runs whose Lease was not renewed for two minutes, or that have none and
// have made nothing for as long. What living runs made is named and not changed. With everything it looks at every kind of
// objects, else only at those outside of namespaces and at Leases; what lies in a namespace goes with it or with its root. The error
// names what is still there.
func Sweep(ctx context.Context, cfg *rest.Config, everything bool, log func(string)) error {
	c, err := newCluster(cfg)
	if err != nil {
		return err
	}
	return c.sweep(ctx, everything, sweepBudget, log)
}

// SweepWithin is the same in one namespace, with rights in that namespace alone: it removes what dead runs within it have left. It
// always looks at every kind of objects; aloud says also which kinds could not be listed, and that nothing was found.
func SweepWithin(ctx context.Context, cfg *rest.Config, namespace string, aloud bool, log func(string)) error {
	c, err := newCluster(cfg)
	if err != nil {
		return err
	}
	c.namespace = namespace
	return c.sweep(ctx, aloud, sweepBudget, log)
}

// sweep gives the removal of each run's objects the budget.
func (c *cluster) sweep(ctx context.Context, everything bool, budget time.Duration, log func(string)) error {
	all, unseen, err := c.find(ctx, "", !everything && c.namespace == "")
	if everything && len(unseen) > 0 {
		log("could not be listed, so that nothing of these kinds is removed: " + strings.Join(unseen, ", "))
	}
	if everything && err == nil && len(all) == 0 {
		log("no run of meshproof has left anything here")
	}
	runs := map[string][]*object{}
	for _, o := range all {
		runs[o.run()] = append(runs[o.run()], o)
	}
	errs, now := []error{err}, serverTime(ctx, c.cfg)
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		of := runs[name]
		if why := c.lives(ctx, name, of, now); why != "" {
			log(fmt.Sprintf("run %s of meshproof is left alone (%s): %s", name, why, list(of)))
			continue
		}
		if err := c.remove(ctx, of, budget); err != nil {
			errs = append(errs, fmt.Errorf("left by run %s of meshproof:\n%w", name, err))
			continue
		}
		log(fmt.Sprintf("removed what run %s of meshproof had left: %s", name, list(of)))
	}
	return exitcode.With(exitcode.Internal, errors.Join(errs...))
}

// lives says why a run is not dead, "" if it is. now is the API server's time, as is that of the Lease and of the objects.
func (c *cluster) lives(ctx context.Context, name string, of []*object, now time.Time) string {
	r := &Run{Name: name, Within: within(of)}
	if c.namespace != "" && r.Within == "" {
		return "it works in other namespaces, too: only a clean-up of the whole cluster can tell whether it has ended"
	}
	lease, err := c.client.CoordinationV1().Leases(r.Namespace()).Get(ctx, r.lease(), metav1.GetOptions{})
	switch {
	case err == nil && r.Within != "" && holder(lease) != name:
		return "" // another run has it since
	case err == nil:
		if age, alive := renewed(lease, now); alive {
			return fmt.Sprintf("its Lease was renewed %s ago%s", age, since(lease))
		}
		return ""
	case !apierrors.IsNotFound(err):
		return "its Lease cannot be read: " + err.Error()
	case r.Within != "":
		return "" // its Lease comes first and goes last
	}
	// It has no Lease yet, or no longer.
	for _, o := range of {
		if age := now.Sub(o.CreationTimestamp.Time); age < reaper.Silence {
			return fmt.Sprintf("it made %s %s ago", o, max(0, age).Round(time.Second))
		}
	}
	return ""
}

// since says when the run began.
func since(lease *coordinationv1.Lease) string {
	if lease.Spec.AcquireTime == nil {
		return ""
	}
	return ", it began at " + lease.Spec.AcquireTime.UTC().Format("15:04:05 UTC")
}

// within is the namespace that a run with these objects works in alone; "" for a run that has one of its own.
func within(of []*object) string {
	for _, o := range of {
		if o.kind.Resource == "leases" && o.Name == withinLease {
			return o.Namespace
		}
		for _, r := range o.OwnerReferences {
			if r.Kind == "Lease" && r.Name == withinLease {
				return o.Namespace
			}
		}
	}
	return ""
}

func list(all []*object) string {
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.String()
	}
	return strings.Join(names, ", ")
}
