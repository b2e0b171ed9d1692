package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// ground is what all workloads of a run stand on.
type ground struct {
	engine  *engine.Engine
	cluster *target.Cluster
	node    image.Image
	agent   image.Image
	// sabotaged is an agent that does wrong what it is told to do wrong, where a mutant needs it.
	sabotaged image.Image
	agents    string              // namespace of the agents that serve all workloads
	apps      map[string]appImage // by imageKey
}

// appImage is one image of the app, or why it could not be made.
type appImage struct {
	image.Image
	name string // in the manifests
	err  error
}

// prepare chooses the engine, makes the images and the cluster. When only images of the app fail, that is no error of the
// run: they are judged like everything else.
func prepare(ctx context.Context, o *Options, ws []*workload.Workload, artifacts string, cluster bool) (*ground, error) {
	m, err := o.maker(o.Log)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(m.Cache, "state")
	provider := o.provider(state)
	if err = survey(ctx, provider, ws); err != nil {
		return nil, err
	}
	g := &ground{apps: map[string]appImage{}}
	g.engine, err = engine.Find(ctx, engine.Options{Force: o.Engine, Install: !o.NoInstall, Packages: m.Versions.Words("APT_ENGINE"), StateDir: state, Log: o.Log})
	if err != nil {
		return nil, err
	}
	m.Engine = g.engine
	if err = g.makeImages(ctx, o, m, ws, provider.MakesNodes(), artifacts); err != nil {
		return nil, err
	}
	if !cluster || !slices.ContainsFunc(ws, func(w *workload.Workload) bool { return !g.lacks(w) }) {
		return g, nil
	}
	return g, g.makeCluster(ctx, o, m, provider, artifacts)
}

// survey looks at the ground before anything is made: a context that is not there is said now, and so is a namespace there
// that is somebody's; what a dead run has left is removed.
func survey(ctx context.Context, provider target.Provider, ws []*workload.Workload) error {
	return provider.Preflight(ctx, func(ctx context.Context, client kubernetes.Interface) error {
		for _, w := range ws {
			if ns := w.Resolved.Namespace; ns != "" {
				if err := workload.Taken(ctx, client, ns); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// makeImages makes all images at the same time; that of the cluster's nodes only where node is set.
func (g *ground) makeImages(ctx context.Context, o *Options, m *image.Maker, ws []*workload.Workload, node bool, artifacts string) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	ours := func(what string, err error) {
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if node {
		wg.Go(func() {
			var err error
			g.node, err = m.Node(ctx, o.K8S)
			ours("node image", err)
		})
	}
	wg.Go(func() {
		var err error
		g.agent, err = m.Agent(ctx, runtime.GOARCH)
		ours("agent image", err)
	})
	if slices.ContainsFunc(ws, func(w *workload.Workload) bool { return w.Mutant != nil && profile.InAgent(w.Mutant.Spec.Harness) }) {
		wg.Go(func() {
			var err error
			g.sabotaged, err = m.Agent(ctx, runtime.GOARCH, "sabotage")
			ours("sabotaged agent image", err)
		})
	}
	named := map[string]int{}
	for _, a := range appImages(ws, o.OTP) {
		a.LogFile = filepath.Join(artifacts, "build-"+filepath.Base(a.Name)+".log")
		if named[a.LogFile]++; named[a.LogFile] > 1 {
			a.LogFile = strings.TrimSuffix(a.LogFile, ".log") + fmt.Sprintf("-%d.log", named[a.LogFile])
		}
		wg.Go(func() {
			im, err := m.App(ctx, a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && (exitcode.Of(err) != exitcode.Fail || ctx.Err() != nil) {
				errs = append(errs, fmt.Errorf("image %s: %w", a.Name, err))
			}
			g.apps[imageKey(a.Dir, a.Image)] = appImage{im, a.Name, err}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (g *ground) makeCluster(ctx context.Context, o *Options, m *image.Maker, provider target.Provider, artifacts string) (err error) {
	load := []target.Image{{Ref: g.agent.Ref, ID: g.agent.ID, Tar: g.agent.Tar}}
	if g.sabotaged.Ref != "" && g.sabotaged.Ref != g.agent.Ref {
		load = append(load, target.Image{Ref: g.sabotaged.Ref, ID: g.sabotaged.ID, Tar: g.sabotaged.Tar})
	}
	for _, a := range g.apps {
		if a.Tar != "" {
			load = append(load, target.Image{Ref: a.Ref, ID: a.ID, Tar: a.Tar})
		}
	}
	version := ""
	if g.node.Origin == image.Built {
		// An image of ours is named for what went into it; a pulled one has its version in the tag.
		version = versionOf(o.K8S, m.Versions["K8S"])
	}
	g.cluster, err = provider.Cluster(ctx, target.Setup{
		Engine: g.engine, Images: load, Nodes: o.Nodes, NodeImage: g.node.Ref, OwnPodNetwork: g.node.Origin == image.Built, Kubernetes: version,
		SharedDir: m.Cache, LogsDir: filepath.Join(artifacts, "cluster"), Keep: o.Keep,
	})
	return err
}

// versionOf is the full version that was asked for as "1.37", "1.37.2" or not at all.
func versionOf(asked, pinned string) string {
	if asked = strings.TrimPrefix(asked, "v"); strings.Count(asked, ".") < 2 {
		return pinned
	}
	return "v" + asked
}

// refs are the images that the names in the workload's manifests are replaced by.
func (g *ground) refs(w *workload.Workload) map[string]string {
	refs := map[string]string{}
	for _, im := range w.Profile.Spec.Images {
		if a, made := g.app(w, im); made && a.err == nil {
			refs[im.Name] = a.Ref
		}
	}
	return refs
}

func (g *ground) app(w *workload.Workload, im profile.Image) (a appImage, made bool) {
	a, made = g.apps[imageKey(w.Dir, im)]
	return a, made
}

// lacks reports whether one of the workload's images could not be made: there is nothing to deploy then.
func (g *ground) lacks(w *workload.Workload) bool {
	return slices.ContainsFunc(w.Profile.Spec.Images, func(im profile.Image) bool {
		a, _ := g.app(w, im)
		return a.err != nil
	})
}

// mkdir makes a folder of the results.
func mkdir(dir string) error { return os.MkdirAll(dir, 0o755) }
