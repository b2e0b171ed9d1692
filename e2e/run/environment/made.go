package environment

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
	_, m, err := single(ctx, o, w, false)
	return m, err
}

// Cluster makes a cluster as a run of w does, with its images on the nodes. The caller closes it.
func Cluster(ctx context.Context, o *Options, w *workload.Workload) (*target.Cluster, *Made, error) {
	e, m, err := single(ctx, o, w, true)
	if err != nil {
		return nil, nil, err
	}
	return e.Cluster, m, nil
}

// single makes the environment of one workload, whose image must be there.
func single(ctx context.Context, o *Options, w *workload.Workload, cluster bool) (*Environment, *Made, error) {
	o.Complete()
	root, err := image.FindRoot()
	if err != nil {
		return nil, nil, err
	}
	logs, err := os.MkdirTemp("", "meshproof-logs")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(logs)
	var app App
	e, err := Prepare(ctx, o, []*workload.Workload{w}, logs, cluster)
	if err == nil {
		app = e.apps[imageKey(w.Dir, w.Profile.Spec.Images[0])]
		err = app.Err
	}
	if err != nil {
		_ = e.Close(context.Background())
		return nil, nil, err
	}
	return e, &Made{Root: root, Engine: e.Engine, Node: e.Node, Agent: e.Agent, App: app.Image}, nil
}
