package environment

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/registry"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// prepareImages finds what would stop the nodes from getting and starting the images, before anything is made.
func (e *Environment) prepareImages(ctx context.Context, p target.Provider, client kubernetes.Interface, ws []*workload.Workload) (err error) {
	if e.options.Push == "" {
		if strings.HasPrefix(e.options.Context, "kind-") {
			return nil // the engine knows
		}
		return p.CanLoad(ctx, nil)
	}
	if e.nodes, err = target.Architectures(ctx, client); err != nil {
		return err
	}
	for _, a := range appImages(ws, "") {
		if a.Build != "" {
			if err = e.fits(a.Name, runtime.GOARCH); err != nil {
				return err
			}
		}
	}
	return e.readPullSecret(ctx, client)
}

// fits returns an error if no node has the architecture that the image is for.
func (e *Environment) fits(name, arch string) error {
	if len(e.nodes) == 0 || slices.Contains(e.nodes, arch) {
		return nil
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("the image %s is for %s, and the nodes of context %s are %s: none could start it. An image that is built here is for this machine's architecture; build it elsewhere and give it as archive: or pull: in spec.images",
		name, arch, e.options.Context, strings.Join(e.nodes, ", ")))
}

// agentArchitectures are those that agents are made for: those of the nodes, or the usual ones if they are not known. Nodes of a
// cluster whose images are loaded are containers of this machine.
func (e *Environment) agentArchitectures() []string {
	switch {
	case e.options.Push == "":
		return []string{runtime.GOARCH}
	case len(e.nodes) == 0:
		return []string{"amd64", "arm64"}
	}
	return e.nodes
}

// needsEngine reports whether an image has to be built by, or is in, a container engine.
func needsEngine(ws []*workload.Workload) bool {
	return slices.ContainsFunc(appImages(ws, ""), func(a image.App) bool { return a.Archive == "" })
}

// push pushes what the nodes would have been loaded with, if the user names a registry; from then on pods name what is there.
func (e *Environment) push(ctx context.Context, ws []*workload.Workload) error {
	if e.options.Push == "" {
		return nil
	}
	to, err := registry.Parse(e.options.Push)
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	for _, secret := range to.Secrets() {
		e.options.Guard(secret)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	// Each image gets its own goroutine; pushed is called with the reference, one at a time.
	start := func(name string, images []image.Image, pushed func(ref string)) {
		guard.Go(&wg, failed, func() {
			var from []registry.Archive
			for _, im := range images {
				from = append(from, registry.Archive{File: im.Tar, ID: im.ID})
			}
			p, refused := to.Push(ctx, name, from...)
			if refused != nil {
				failed(refused)
				return
			}
			e.options.Log("registry: " + p.String())
			mu.Lock()
			defer mu.Unlock()
			pushed(p.Ref)
		})
	}
	apps, err := e.pushable()
	if err != nil {
		return err
	}
	for key, a := range apps {
		name, _ := workload.SplitImage(a.Ref)
		start(path.Base(name), []image.Image{a.Image}, func(ref string) { a.Ref = ref; e.apps[key] = a })
	}
	start("agent", e.agents, func(ref string) { e.Agent.Ref = ref })
	if e.sabotaged != nil {
		start("agent-sabotaged", e.sabotaged, func(ref string) { e.Sabotaged.Ref = ref })
	}
	wg.Wait()
	for _, w := range ws {
		w.Need(e.needs(w))
	}
	return errors.Join(errs...)
}

// pushable are the images of the applications that are in archives, with their architectures, which nodes have.
func (e *Environment) pushable() (map[string]App, error) {
	all := map[string]App{}
	for key, a := range e.apps {
		if a.Err != nil || a.Tar == "" {
			continue
		}
		var err error
		if a.architecture, err = (registry.Archive{File: a.Tar, ID: a.ID}).Architecture(); err == nil {
			err = e.fits(a.Name, a.architecture)
		}
		if err != nil {
			return nil, err
		}
		all[key] = a
	}
	return all, nil
}

// needs are what the cluster needs of the workload's pods.
func (e *Environment) needs(w *workload.Workload) workload.Needs {
	n := workload.Needs{PullSecret: e.PullSecret, Architecture: map[string]string{}}
	for _, im := range w.Profile.Spec.Images {
		if a := e.apps[imageKey(w.Dir, im)]; a.architecture != "" && len(e.nodes) != 1 {
			n.Architecture[a.Ref] = a.architecture
		}
	}
	return n
}
