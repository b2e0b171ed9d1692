// Package inspect looks at clusters of nodes that run, and records what it sees. It changes nothing: it lists objects, reads the ends of
// logs, runs cat in containers, asks each epmd for its names, and reads the challenge of each node, which comes before any cookie.
//
// In: a REST configuration, a namespace, and what to inspect in it. Out: a recording of two looks for each cluster of nodes, with what
// was done in it, and what could not be seen and why. It gives no verdict: the recording is judged as that of a run is.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/e2e/workload/draft"
)

// Options say what to inspect.
type Options struct {
	Rest      *rest.Config
	Client    kubernetes.Interface
	Namespace string
	Target    Target
	Cookie    CookieSource
	Caught    func(error)   // a panic of ours
	Apart     time.Duration // between the two looks; default 1 s
	Now       func() time.Time
}

// Cluster is a cluster of nodes that was inspected.
type Cluster struct {
	Name   string
	Header recording.Header
	Events []recording.Event
	Notes  []string // how its workloads were found
}

// least is how far apart the two looks are at least.
const least = time.Second

// Run inspects what the target names. An error means that nothing could be inspected: it has code Unavailable where the API server
// refuses even the pods or the workloads, and code Usage where there is no such workload.
func Run(ctx context.Context, o Options) ([]Cluster, error) {
	if o.Apart == 0 {
		o.Apart = least
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	start := o.Now()
	f := &found{items: map[string][]runtime.Object{}, refused: map[string]error{}, count: map[string]int{}}
	f.read(ctx, o.Client, o.Namespace, o.Caught, func(listed) bool { return true })
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := f.blind(o.Target); err != nil {
		return nil, exitcode.With(exitcode.Unavailable, err)
	}
	objects, err := f.manifests()
	if err != nil {
		return nil, err
	}
	ws, err := draft.Live(workload.Loader{}, o.Namespace, objects, o.Target.chosen())
	if err != nil {
		if s := o.Target.String(); s != "" {
			err = exitcode.With(exitcode.Of(err), fmt.Errorf("%s: %w", s, err))
		}
		return nil, err
	}
	cookie, err := o.cookie(ctx, ws)
	if err != nil {
		return nil, err
	}
	all, failed := make([]Cluster, len(ws)), make([]error, len(ws))
	var wg sync.WaitGroup
	for i, w := range ws {
		guard.Go(&wg, o.Caught, func() { all[i], failed[i] = o.cluster(ctx, w, f, cookie, start) })
	}
	wg.Wait()
	return all, errors.Join(failed...)
}

// cookie reads the cookie, which is for one cluster alone; nil if none is given.
func (o Options) cookie(ctx context.Context, ws []*workload.Workload) ([]byte, error) {
	if !o.Cookie.Given() {
		return nil, nil
	}
	if len(ws) > 1 {
		var names []string
		for _, w := range ws {
			names = append(names, w.Resolved.Name)
		}
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("namespace %s has %d clusters of nodes (%s), and a cookie is offered to one alone: name a workload of it", o.Namespace, len(ws), strings.Join(names, ", ")))
	}
	return o.Cookie.read(ctx, o)
}

// blind is why nothing can be inspected, nil if something can.
func (f *found) blind(t Target) error {
	kinds := []string{"Deployment", "StatefulSet", "DaemonSet"}
	if t.Name != "" {
		kinds = []string{t.Kind}
	}
	for _, k := range kinds {
		if f.refused[k] == nil {
			return nil
		}
	}
	return fmt.Errorf("the workloads cannot be listed: %w (meshproof inspect --print-rbac prints the Role that is needed)", f.refused[kinds[0]])
}
