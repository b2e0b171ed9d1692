package target

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// Provenance describes the cluster's components, for reports.
type Provenance struct {
	NodeImage        string // the image of the nodes; empty for a cluster that is not ours
	NodeImageID      string // its id in the engine's store
	Kubernetes       string // the API server's version: "v1.37.2"
	ContainerRuntime string // of the first node: "containerd://1.6.20"
	OSImage          string // of the first node
	Kernel           string // of the first node
	Architecture     string // of the first node: "amd64"
}

// Cluster is a cluster to work on. Its exported fields do not change after it was returned.
type Cluster struct {
	Name           string // kind's name of the cluster; of an existing one, the cluster name of its context
	Context        string
	KubeconfigPath string // a file of ours, or the one that named the context; may be a list as in KUBECONFIG
	Config         *rest.Config
	Owned          bool     // created by this program
	Nodes          []string // names of the Node objects, sorted; empty if the user may not list them
	Provenance     Provenance

	engine   *engine.Engine
	keeper   *keeper.Keeper
	noted    state.Cluster // zero for a cluster that is not ours
	lock     *state.Lock   // on its name
	keepOne  *state.Lock   // of the run that has the one cluster that may be kept; nil: this run has not
	dir      state.Dir
	log      func(string)
	keep     atomic.Bool
	closed   atomic.Bool
	unlisted bool     // the user may not list the nodes
	inNodes  []string // container names; for an existing kind cluster, looked up when first needed
}

func newCluster(o Options, noted state.Cluster, k *keeper.Keeper) *Cluster {
	c := &Cluster{
		Name: noted.Name, Context: "kind-" + noted.Name, KubeconfigPath: noted.Kubeconfig, Owned: true,
		Provenance: Provenance{NodeImage: noted.NodeImage, NodeImageID: noted.NodeImageID},
		engine:     o.Engine, keeper: k, noted: noted, dir: state.Dir(o.StateDir), log: o.Log, inNodes: noted.Containers,
	}
	c.keep.Store(o.Keep)
	return c
}

// Keep says whether Close keeps the cluster for the next run. It has no meaning for a cluster that is not ours,
// which is never deleted.
func (c *Cluster) Keep(keep bool) { c.keep.Store(keep) }

// connect reads the kubeconfig. The client's own rate limit is set above the harness's bursts: with the default of 5 requests
// per second the cluster would seem slow.
func connect(kubeconfig, contextName string) (*rest.Config, *kubernetes.Clientset, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if kubeconfig != "" {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	}
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName}).ClientConfig()
	if err != nil {
		return nil, nil, err
	}
	cfg.QPS, cfg.Burst = 100, 200
	cfg.UserAgent = "meshproof"
	set, err := kubernetes.NewForConfig(cfg)
	return cfg, set, err
}

// Close ends the use of the cluster. A cluster of ours is deleted, or released to the next run if it is kept; any other is not
// changed. ctx limits the waiting: if it ends first, the keeper continues to delete and the error says so. Close may be called
// again; only the first call does anything. A cluster that may still be there is a [Remains].
func (c *Cluster) Close(ctx context.Context) error {
	if !c.Owned || c.closed.Swap(true) {
		return nil
	}
	defer c.release()
	if c.keep.Load() {
		err := c.keeper.Release(ctx)
		if err == nil {
			c.log(fmt.Sprintf("cluster %s is kept: export KUBECONFIG=%s", c.Name, c.KubeconfigPath))
		}
		return remains(c.Name, err)
	}
	if !c.keeper.Alive() {
		return errors.Join(c.keeper.Failed(), remains(c.Name, c.deleteOrphan()))
	}
	c.log("deleting cluster " + c.Name)
	defer progress.Wait(ctx, "cluster "+c.Name+" to be deleted").Done()
	return remains(c.Name, c.keeper.Delete(ctx))
}

// release gives up the locks.
func (c *Cluster) release() {
	c.dir.Leave(c.Name, c.lock)
	c.keepOne.Remove()
}

// deleteOrphan removes what is left of a cluster whose keeper is gone.
func (c *Cluster) deleteOrphan() error {
	noted, left, err := c.dir.Read(c.Name)
	if err != nil {
		noted, left = c.noted, true // without the ids that the keeper noted
	}
	if !left {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), closeBudget, fmt.Errorf("not done within %s", closeBudget))
	defer cancel()
	if err := keeper.Remove(ctx, c.engine, noted, c.log); err != nil {
		return err
	}
	return c.dir.Remove(c.Name)
}

// CollectLogs writes logs of the nodes and the API server to dir: per node the console, journal and pods' logs (a kind cluster),
// and the cluster's nodes and events. It collects what it can; the error names the rest.
func (c *Cluster) CollectLogs(ctx context.Context, dir string) error {
	var errs []error
	if c.engine != nil && c.kindName() != "" {
		errs = append(errs, keeper.CollectLogs(ctx, c.engine, c.kindName(), dir))
	}
	if c.Config != nil {
		errs = append(errs, c.describe(ctx, dir))
	}
	return errors.Join(errs...)
}
