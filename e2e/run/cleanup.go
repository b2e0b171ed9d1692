package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/reports"
)

// cleanUp is what a run could not remove, or did not wait for. Safe for concurrent use.
type cleanUp struct {
	mu    sync.Mutex
	left  []reports.Leftover
	going []string // namespaces that Kubernetes is still deleting
	kept  string   // the cluster that is kept, as asked
}

// failed takes note of the error of a step that was to remove something from the cluster. nil is none.
func (c *cleanUp) failed(what string, on *target.Cluster, err error) {
	c.add(leftovers(what, on, err)...)
}

func (c *cleanUp) add(left ...reports.Leftover) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range left {
		if !slices.ContainsFunc(c.left, func(o reports.Leftover) bool { return o.What == l.What }) {
			c.left = append(c.left, l)
		}
	}
}

// redacted is what was left behind, without what redact knows to be secret.
func (c *cleanUp) redacted(redact func(string) string) (all []reports.Leftover) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.left {
		all = append(all, reports.Leftover{What: redact(l.What), Why: redact(l.Why), Remove: redact(l.Remove)})
	}
	return all
}

// leftovers are the objects that the error names, or else what the step was to remove.
func leftovers(what string, on *target.Cluster, err error) (all []reports.Leftover) {
	var still *ownership.StillThere
	switch e := err.(type) {
	case nil:
	case *ownership.StillThere:
		all = append(all, reports.Leftover{What: e.Object(), Why: e.Why, Remove: kubectl(on, e)})
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			all = append(all, leftovers(what, on, part)...)
		}
	default:
		if inner := errors.Unwrap(err); inner != nil && errors.As(err, &still) {
			return leftovers(what, on, inner)
		}
		all = append(all, reports.Leftover{What: what, Why: err.Error()})
	}
	return all
}

// kubectl is the command that removes the object. Where a finalizer holds it, to delete it once more would do nothing.
func kubectl(on *target.Cluster, o *ownership.StillThere) string {
	words := []string{"kubectl"}
	if on.KubeconfigPath != "" && !strings.Contains(on.KubeconfigPath, string(filepath.ListSeparator)) {
		words = append(words, "--kubeconfig", on.KubeconfigPath)
	}
	if on.Context != "" {
		words = append(words, "--context", on.Context)
	}
	if o.Namespace != "" {
		words = append(words, "--namespace", o.Namespace)
	}
	if o.Kind != "namespace" && strings.Contains(o.Why, "finalizer") {
		return strings.Join(append(words, "patch", o.Kind, o.Name, "--type", "merge", "--patch", `'{"metadata":{"finalizers":null}}'`), " ")
	}
	return strings.Join(append(words, "delete", o.Kind, o.Name), " ")
}

// end removes what the run made beside its workloads, and the cluster, or gives it back.
func (c *cleanUp) end(e *environment.Environment) error {
	if e == nil || e.Cluster == nil {
		return nil
	}
	c.failed("what the run made on the cluster", e.Cluster, guard.Try(e.EndRun))
	var going []string
	err := guard.Try(func() (err error) { going, err = e.Leaving(); return err })
	c.failed("namespaces of the run", e.Cluster, err)
	c.mu.Lock()
	if c.going = going; e.Cluster.Owned && !e.Cluster.Temporary() {
		c.kept = e.Cluster.Name
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(e.Background(), closeBudget)
	defer cancel()
	return guard.Try(func() error { return e.Close(ctx) })
}

// clusters takes note of the clusters of ours that are still there, according to these errors, and returns the other errors.
func (c *cleanUp) clusters(err error) error {
	switch e := err.(type) {
	case *target.Remains:
		c.add(reports.Leftover{What: "kind cluster " + e.Cluster, Why: e.Err.Error(), Remove: "meshproof cluster clean"})
		return nil
	case interface{ Unwrap() []error }:
		var others []error
		for _, part := range e.Unwrap() {
			others = append(others, c.clusters(part))
		}
		return errors.Join(others...)
	}
	var r *target.Remains
	if errors.As(err, &r) {
		_ = c.clusters(r) // its error says more than that
	}
	return err
}

// interrupted is the trouble of a run that a signal ended: what is true of the clean-up, and beside it every error that is not the
// interruption itself.
func (c *cleanUp) interrupted(trouble error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var says string
	switch {
	case len(c.left) > 0:
		var names []string
		for _, l := range c.left {
			names = append(names, l.What)
		}
		says = "not removed is: " + strings.Join(names, ", ")
	case len(c.going) > 0:
		says = fmt.Sprintf("Kubernetes is still deleting, in the kept cluster %s: namespace %s", c.kept, strings.Join(c.going, ", "))
	case c.kept != "":
		says = "what was deployed is removed, the cluster " + c.kept + " is kept"
	case guard.Bug(trouble) != nil:
		says = "a bug of ours stopped the run, so that what it made may still be there"
	default:
		says = "what was made is removed"
	}
	return errors.Join(exitcode.With(exitcode.Interrupted, errors.New("by a signal; "+says)), withoutCanceled(trouble))
}

// withoutCanceled leaves out the errors that only say that the run was interrupted.
func withoutCanceled(err error) error {
	if parts, joined := err.(interface{ Unwrap() []error }); joined {
		var left []error
		for _, part := range parts.Unwrap() {
			left = append(left, withoutCanceled(part))
		}
		return errors.Join(left...)
	}
	if canceled(err) {
		return nil
	}
	return err
}

// canceled reports whether nothing but a canceled context is the reason.
func canceled(err error) bool {
	switch e := err.(type) {
	case nil:
		return true
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !canceled(part) })
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		return inner != nil && canceled(inner)
	}
	return err == context.Canceled //nolint:errorlint // the end of the chain
}
