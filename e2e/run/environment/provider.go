package environment

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// provider is where the cluster comes from.
type provider struct {
	target string // for reports: "kind", "existing"
	// podLimit is how many pods may run at the same time.
	podLimit func() int
	// preflight looks at what is there before anything is made.
	preflight func(ctx context.Context, ws []*workload.Workload, state string) error
	// nodeImage makes the image of the cluster's nodes; nil where the nodes are there already.
	nodeImage func(ctx context.Context, m *image.Maker) (image.Image, error)
	// cluster makes or finds the cluster, with our images on its nodes. Its own logs go to logs.
	cluster func(ctx context.Context, e *Environment, m *image.Maker, logs string) (*target.Cluster, error)
}

// provider is the one place that asks whether the cluster is made or exists.
func (o *Options) provider() provider {
	if o.Context == "" {
		return provider{"kind", machineCapacity, o.preflightKind, func(ctx context.Context, m *image.Maker) (image.Image, error) { return m.Node(ctx, o.K8S) }, o.makeKind}
	}
	return provider{"existing", func() int { return externalPodLimit }, o.preflightExisting, nil, o.findExisting}
}

// Target is the kind of cluster, for reports.
func (o *Options) Target() string { return o.provider().target }

// PodLimit is how many pods may run on the cluster at the same time.
func (o *Options) PodLimit() int { return o.provider().podLimit() }

// preflightKind refuses a machine without room, and removes what a dead run has left.
func (o *Options) preflightKind(ctx context.Context, _ []*workload.Workload, state string) error {
	if err := target.Free(state); err != nil {
		return err
	}
	return target.Sweep(ctx, state, o.Log)
}

// preflightExisting refuses a context that does not exist, and a namespace there that is not ours.
func (o *Options) preflightExisting(ctx context.Context, ws []*workload.Workload, _ string) error {
	c, err := target.Existing(ctx, target.ExistingOptions{Kubeconfig: o.Kubeconfig, Context: o.Context, Log: o.Log})
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	for _, w := range ws {
		if ns := w.Resolved.Namespace; ns != "" && err == nil {
			err = workload.Taken(ctx, client, ns)
		}
	}
	return errors.Join(err, c.Close(ctx))
}

func (o *Options) findExisting(ctx context.Context, e *Environment, _ *image.Maker, _ string) (*target.Cluster, error) {
	c, err := target.Existing(ctx, target.ExistingOptions{Kubeconfig: o.Kubeconfig, Context: o.Context, Engine: e.Engine, Log: o.Log})
	if err != nil {
		return nil, err
	}
	o.Log("context " + c.Context + ", Kubernetes " + c.Provenance.Kubernetes)
	for _, im := range e.load() {
		if err := c.LoadImage(ctx, im); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (o *Options) makeKind(ctx context.Context, e *Environment, m *image.Maker, logs string) (*target.Cluster, error) {
	version := ""
	if e.Node.Origin == image.Built {
		// An image of ours is named for what went into it; a pulled one has its version in the tag.
		version = versionOf(o.K8S, m.Versions["K8S"])
	}
	c, err := target.Kind(ctx, target.Options{
		Engine: e.Engine, StateDir: filepath.Join(m.Cache, "state"), Nodes: o.Nodes, NodeImage: e.Node.Ref, OwnPodNetwork: e.Node.Origin == image.Built, Kubernetes: version,
		SharedDir: m.Cache, Preload: e.load(), Keep: o.Keep, LogsDir: logs, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	// A cluster of ours whose DNS does not answer yet is not the application's failure.
	waiting, cancel := context.WithTimeout(ctx, dnsBudget)
	defer cancel()
	return c, c.WaitDNS(waiting)
}

// dnsBudget is how long the DNS of a cluster of ours may take after its nodes are ready.
const dnsBudget = 90 * time.Second

// versionOf is the full version that was asked for as "1.37", "1.37.2" or not at all.
func versionOf(asked, pinned string) string {
	if asked = strings.TrimPrefix(asked, "v"); strings.Count(asked, ".") < 2 {
		return pinned
	}
	return "v" + asked
}

func machineCapacity() int { return capacity(runtime.NumCPU(), memAvailable()) }
