package target

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/progress"
)

// Provider provides the cluster for a run. It and its Cluster contain all differences between a cluster that is created and one
// that exists.
type Provider interface {
	// Describe returns its name in reports, "kind" or "existing", and the kubeconfig context if one was given.
	Describe() (name, kubeContext string)
	// Preflight finds what would stop the run, before anything is created, and removes what runs that died have left. look is called
	// with a client if the cluster exists already.
	Preflight(ctx context.Context, look func(context.Context, kubernetes.Interface) error) error
	// CanLoad returns an error (code 69) that says what to do, if images of this machine cannot be loaded into the cluster's nodes.
	CanLoad(ctx context.Context, e *engine.Engine) error
	// MakesNodes reports whether a node image is needed.
	MakesNodes() bool
	// PodLimit is how many pods may run at the same time; 0: derived from CPU and memory.
	PodLimit() int
	// Cluster returns the cluster with the images of s on its nodes, ready for pods. The caller must close it, even if there is an
	// error.
	Cluster(ctx context.Context, s Setup) (*Cluster, error)
}

// Choice decides on which cluster a run takes place.
type Choice struct {
	Context    string // a kubeconfig context; "": a kind cluster is created
	Kubeconfig string // the file of Context; "": as kubectl finds it
	Namespace  string // the run works in this one alone; "": in namespaces that it makes
	StateDir   string // has the records of our clusters
	Log        func(string)
}

// Setup is what a run has ready when it asks for the cluster.
type Setup struct {
	Engine *engine.Engine
	Images []Image
	// The rest is for a cluster that is created; see Options.
	Nodes         int
	LoseNode      bool
	NodeImage     string
	OwnPodNetwork bool
	Kubernetes    string
	IP            IP
	SharedDir     string
	LogsDir       string
	Keep          bool
}

// NewProvider chooses between the two. It changes nothing.
func NewProvider(c Choice) Provider {
	c.Log = oneAtATime(c.Log)
	if c.Context != "" {
		return attached{c}
	}
	return made{c}
}

// made creates a kind cluster, or uses the kept one.
type made struct{ Choice }

func (made) Describe() (name, kubeContext string) { return "kind", "" }

// Preflight removes what runs that died have left. What cannot be removed does not stop this run, whose cluster is another one.
func (p made) Preflight(ctx context.Context, _ func(context.Context, kubernetes.Interface) error) error {
	if err := Sweep(ctx, p.StateDir, p.Log); err != nil {
		p.Log("warning: what an earlier run left is still there; `meshproof cluster clean` tries again: " + err.Error())
	}
	return context.Cause(ctx)
}

func (made) CanLoad(context.Context, *engine.Engine) error { return nil }

func (made) MakesNodes() bool { return true }

func (made) PodLimit() int { return 0 }

// dnsBudget is how long the DNS of a cluster of ours may take after its nodes are ready.
const dnsBudget = 90 * time.Second

func (p made) Cluster(ctx context.Context, s Setup) (*Cluster, error) {
	c, err := Kind(ctx, Options{
		Engine: s.Engine, StateDir: p.StateDir, Nodes: s.Nodes, LoseNode: s.LoseNode, NodeImage: s.NodeImage, OwnPodNetwork: s.OwnPodNetwork, Kubernetes: s.Kubernetes, IP: s.IP,
		SharedDir: s.SharedDir, Preload: s.Images, Keep: s.Keep, LogsDir: s.LogsDir, Log: p.Log,
	})
	if err != nil {
		return nil, err
	}
	// If the DNS of our cluster does not answer yet, that is not the application's fault.
	waiting, cancel := context.WithTimeout(ctx, dnsBudget)
	defer cancel()
	return c, c.WaitDNS(waiting)
}

// attached uses the cluster of a kubeconfig context.
type attached struct{ Choice }

func (p attached) Describe() (name, kubeContext string) { return "existing", p.Context }

// Preflight connects, removes what dead runs have left, and calls look to inspect the cluster. What cannot be removed is said; it
// does not hinder this run.
func (p attached) Preflight(ctx context.Context, look func(context.Context, kubernetes.Interface) error) error {
	c, err := p.connect(ctx, nil)
	if err != nil {
		return err
	}
	left := error(nil)
	if p.Namespace != "" {
		left = ownership.SweepWithin(ctx, c.Config, p.Namespace, false, p.Log)
	} else {
		left = ownership.Sweep(ctx, c.Config, false, p.Log)
	}
	if left != nil {
		p.Log("warning: " + left.Error())
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err == nil && p.Namespace != "" {
		err = ownership.Busy(ctx, c.Config, client, p.Namespace)
	}
	if err == nil {
		err = look(ctx, client)
	}
	return errors.Join(err, c.Close(ctx))
}

func (p attached) connect(ctx context.Context, e *engine.Engine) (*Cluster, error) {
	defer progress.Wait(ctx, "the API server of context "+p.Context).Done()
	return Existing(ctx, ExistingOptions{Kubeconfig: p.Kubeconfig, Context: p.Context, Engine: e, Log: p.Log})
}

// CanLoad looks for the nodes among the engine's containers. Where the context's name says that there are none, it needs neither.
func (p attached) CanLoad(ctx context.Context, e *engine.Engine) error {
	c := &Cluster{Context: p.Context}
	if c.kindName() != "" {
		var err error
		if c, err = p.connect(ctx, e); err != nil {
			return err
		}
	}
	_, err := c.containers(ctx)
	return err
}

func (attached) MakesNodes() bool { return false }

// ExternalPodLimit is the pod limit on a cluster that is not ours: its size does not depend on this machine.
const ExternalPodLimit = 30

func (attached) PodLimit() int { return ExternalPodLimit }

func (p attached) Cluster(ctx context.Context, s Setup) (*Cluster, error) {
	c, err := p.connect(ctx, s.Engine)
	if err != nil {
		return nil, err
	}
	p.Log("context " + c.Context + ", Kubernetes " + c.Provenance.Kubernetes)
	for _, im := range s.Images {
		if err := c.LoadImage(ctx, im); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Temporary reports whether Close deletes the cluster with all that is in it.
func (c *Cluster) Temporary() bool { return c.Owned && !c.keep.Load() }
