package environment

import (
	"cmp"
	"context"
	"path/filepath"
	"runtime"

	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/target"
)

// provider gives the run its cluster. stateDir is the folder of the notes on clusters of ours.
func (o *Options) provider(stateDir string) target.Provider {
	return target.NewProvider(target.Choice{Context: o.Context, Kubeconfig: o.Kubeconfig, Namespace: o.Namespace, StateDir: stateDir, Log: o.Log})
}

// Target is the kind of cluster and the kubeconfig context where one was named, for reports.
func (o *Options) Target() (name, kubeContext string) { return o.provider("").Describe() }

// PodLimit is how many pods may run on the cluster at the same time.
func (o *Options) PodLimit() int {
	return cmp.Or(o.provider("").PodLimit(), capacity(runtime.NumCPU(), memAvailable()))
}

// makeCluster makes or finds the cluster, with our images on its nodes. Its own logs go to artifacts.
func (e *Environment) makeCluster(ctx context.Context, p target.Provider, m *image.Maker, artifacts string) (err error) {
	e.Cluster, err = p.Cluster(ctx, target.Setup{
		Engine: e.Engine, Images: e.load(), Nodes: e.options.Nodes, LoseNode: e.options.LoseNode, NodeImage: e.Node.Ref, OwnPodNetwork: e.Node.Origin == image.Built, Kubernetes: e.Node.Kubernetes, IP: e.options.IP,
		SharedDir: m.Cache, LogsDir: filepath.Join(artifacts, "cluster"), Keep: e.options.Keep,
	})
	return err
}
