package run

import (
	"context"
	"os"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// Made are the images of a run of one workload, for programs that do something else with them than a run does.
type Made struct {
	Root             string // of the checkout
	Engine           *engine.Engine
	Node, Agent, App image.Image
}

// OwnPodNetwork reports whether the node image brings its pod network.
func (m *Made) OwnPodNetwork() bool { return m.Node.Origin == image.Built }

// Images makes the images of a run of w, whose first image is App.
func Images(ctx context.Context, o *Options, w *workload.Workload) (*Made, error) {
	_, m, err := grounded(ctx, o, w, false)
	return m, err
}

// Cluster makes a cluster as a run of w does, with its images on the nodes. The caller closes it.
func Cluster(ctx context.Context, o *Options, w *workload.Workload) (*target.Cluster, *Made, error) {
	g, m, err := grounded(ctx, o, w, true)
	if err != nil {
		return nil, nil, err
	}
	return g.cluster, m, nil
}

func grounded(ctx context.Context, o *Options, w *workload.Workload, cluster bool) (*ground, *Made, error) {
	if err := o.complete(); err != nil {
		return nil, nil, err
	}
	root, err := image.FindRoot()
	if err != nil {
		return nil, nil, err
	}
	logs, err := os.MkdirTemp("", "meshproof-logs")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(logs)
	var app appImage
	g, err := prepare(ctx, o, []*workload.Workload{w}, logs, cluster)
	if err == nil {
		app, _ = g.app(w, w.Profile.Spec.Images[0])
		err = app.err
	}
	if err != nil {
		if g != nil && g.cluster != nil {
			_ = g.cluster.Close(context.Background())
		}
		return nil, nil, err
	}
	return g, &Made{Root: root, Engine: g.engine, Node: g.node, Agent: g.agent, App: app.Image}, nil
}
