// Package environment makes what all workloads of a run share: the container engine, the images, the cluster, and the agents on
// its nodes.
//
// In: options, and the workloads for their images and what they need of a cluster. Out: an Environment, which its caller closes.
// It deploys no workload, records nothing and gives no verdict. An image of the application that cannot be made is no error
// here: it is kept, and judged like everything else.
package environment

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/scripts"
)

// Options are what a user can say about the environment. The zero value of each means what its comment says.
type Options struct {
	OTP        string    // Erlang/OTP release of the application's image; "" the pinned one
	K8S        string    // Kubernetes of the cluster we make; "" the pinned one
	Nodes      int       // of the cluster we make; 0 one
	LoseNode   bool      // a scenario cuts a node of it off
	IP         target.IP // of the cluster we make; "" IPv4
	Keep       bool      // leave the cluster to the next run
	Context    string    // use this kubeconfig context and make no cluster
	Kubeconfig string    // "" as kubectl finds it
	Push       string    // repository prefix that the images are pushed to; "" they are loaded into the nodes
	PullSecret string    // NAMESPACE/NAME of a Secret, or a docker config.json, with which the nodes pull; "" they need none
	Namespace  string    // of Context: work in this one alone; "" in namespaces that the run makes
	NoInstall  bool      // never install packages
	Engine     string    // "docker" or "podman"; "" what works

	Log func(string) // progress; nil nowhere
	// Changes says what the scenarios of a workload change of it, beside what every run does; nil nothing.
	Changes  func(*workload.Workload) Changes
	Guard    func([]byte)    // is given each secret before it is used; nil nobody
	Progress *progress.Board // shows what is waited for; nil nowhere
}

// Changes are what needs rights that other runs do not need.
type Changes struct {
	Scaled string // "Deployment/shop"; "" nothing
	Cookie bool   // the value of the Secret with the cookie
}

// Complete fills in what was left out.
func (o *Options) Complete() {
	o.Nodes = max(o.Nodes, 1)
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Guard == nil {
		o.Guard = func([]byte) {}
	}
}

// Environment is what all workloads of a run share.
type Environment struct {
	Engine  *engine.Engine
	Cluster *target.Cluster // nil where no workload has anything to deploy
	Node    image.Image     // of the cluster's nodes, where we make it
	Agent   image.Image
	// Sabotaged is an agent that does wrong what it is told to do wrong, where a mutant needs it.
	Sabotaged image.Image
	Run       *ownership.Run // owns what the run makes on the cluster; nil before BeginRun
	Agents    string         // namespace of the agents that serve all workloads
	// PullSecret is the name of the Secret, in each namespace of the run, with which nodes pull its images; "" they need none.
	PullSecret string
	NoAgents   string      // why there are none: the API server's own sentence; "" where they may run
	Token      agent.Token // of this run: whoever does not have it cannot use its agents
	Notes      []string    // what a reader of the report has to know: what is not seen, and why

	stopRenewing func() // the Lease

	options *Options
	apps    map[string]App // by imageKey

	agents, sabotaged []image.Image // one for each architecture of the nodes
	nodes             []string      // architectures of the cluster's nodes, where images are pushed; none: not known
	pullSecret        []byte        // docker's configuration; nil: the nodes need none

	mu      sync.Mutex
	leaving []string // namespaces of a kept cluster whose deletion is not waited for
}

// Prepare chooses the engine, makes the images and, if asked to, the cluster. What can be returned is returned beside an error,
// too: the caller closes it.
func Prepare(ctx context.Context, o *Options, ws []*workload.Workload, artifacts string, cluster bool) (*Environment, error) {
	if err := sabotageNeedsCheckout(ws); err != nil {
		return nil, err
	}
	m, err := o.maker()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(m.Cache, "state")
	p := o.provider(state)
	e := &Environment{options: o, apps: map[string]App{}}
	if err = e.preflight(ctx, p, ws); err != nil {
		return nil, err
	}
	if o.Push == "" || needsEngine(ws) {
		trying := progress.Wait(ctx, "a container engine that works")
		e.Engine, err = engine.Find(ctx, engine.Options{Force: o.Engine, Install: !o.NoInstall, Packages: m.Versions.Words("APT_ENGINE"), StateDir: state, Log: o.Log})
		trying.Done()
		if err != nil {
			return nil, err
		}
	}
	if o.Push == "" && cluster {
		if err = p.CanLoad(ctx, e.Engine); err != nil {
			return nil, err
		}
	}
	m.Engine = e.Engine
	if err = e.makeImages(ctx, m, p.MakesNodes(), ws, artifacts); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(ws, func(w *workload.Workload) bool { return !e.ImageFailed(w) }) {
		return e, nil
	}
	if err = e.push(ctx, ws); err != nil || !cluster {
		return e, err
	}
	return e, e.makeCluster(ctx, p, m, artifacts)
}

// Close ends the use of the cluster, if there is one.
func (e *Environment) Close(ctx context.Context) error {
	if e == nil || e.Cluster == nil {
		return nil
	}
	return e.Cluster.Close(ctx)
}

// Background is the context of what is done whatever ended the run. It shows what is waited for, as the run's own does.
func (e *Environment) Background() context.Context {
	return progress.With(context.Background(), e.options.Progress)
}

// maker prepares the image package.
func (o *Options) maker() (*image.Maker, error) {
	root, err := image.FindRoot()
	if err != nil {
		return nil, err
	}
	cache, err := image.CacheDir()
	if err != nil {
		return nil, err
	}
	v, err := scripts.Load()
	if err != nil {
		return nil, err
	}
	return &image.Maker{Cache: cache, Root: root, Versions: v, Install: !o.NoInstall, Log: o.Log}, nil
}
