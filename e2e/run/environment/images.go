package environment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// App is one image of an application, or why it could not be made.
type App struct {
	image.Image
	Name string // in the manifests
	Err  error

	architecture string // of the image, where it was pushed
}

// makeImages makes all images at the same time; that of the cluster's nodes only where node is set.
func (e *Environment) makeImages(ctx context.Context, m *image.Maker, node bool, ws []*workload.Workload, artifacts string) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	make1 := func(what string, into *image.Image, how func() (image.Image, error)) {
		guard.Go(&wg, failed, func() {
			im, err := how()
			if err != nil {
				failed(fmt.Errorf("%s: %w", what, err))
			}
			*into = im
		})
	}
	if node {
		make1("node image", &e.Node, func() (image.Image, error) { return m.Node(ctx, e.options.K8S) })
	}
	archs := e.agentArchitectures()
	e.agents = make([]image.Image, len(archs))
	if slices.ContainsFunc(ws, needsSabotage) {
		e.sabotaged = make([]image.Image, len(archs))
	}
	for i, arch := range archs {
		make1("agent image", &e.agents[i], func() (image.Image, error) { return m.Agent(ctx, arch) })
		if e.sabotaged != nil {
			make1("sabotaged agent image", &e.sabotaged[i], func() (image.Image, error) { return m.Agent(ctx, arch, "sabotage") })
		}
	}
	named := map[string]int{}
	for _, a := range appImages(ws, e.options.OTP) {
		a.LogFile = filepath.Join(artifacts, "build-"+filepath.Base(a.Name)+".log")
		if named[a.LogFile]++; named[a.LogFile] > 1 {
			a.LogFile = strings.TrimSuffix(a.LogFile, ".log") + fmt.Sprintf("-%d.log", named[a.LogFile])
		}
		guard.Go(&wg, failed, func() {
			im, err := m.App(ctx, a)
			if err != nil && (exitcode.Of(err) != exitcode.Fail || ctx.Err() != nil) {
				failed(fmt.Errorf("image %s: %w", a.Name, err))
			}
			mu.Lock()
			defer mu.Unlock()
			e.apps[imageKey(a.Dir, a.Image)] = App{Image: im, Name: a.Name, Err: err}
		})
	}
	wg.Wait()
	if e.Agent = e.agents[0]; e.sabotaged != nil {
		e.Sabotaged = e.sabotaged[0]
	}
	return errors.Join(errs...)
}

// needsSabotage reports whether the workload is a mutant that breaks the agent.
func needsSabotage(w *workload.Workload) bool {
	return w.Mutant != nil && profile.InAgent(w.Mutant.Spec.Harness)
}

// sabotageNeedsCheckout refuses what a released program has no agent for.
func sabotageNeedsCheckout(ws []*workload.Workload) error {
	var names []string
	for _, w := range ws {
		if bundle.Present() && needsSabotage(w) {
			names = append(names, w.Name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return exitcode.With(exitcode.Usage, fmt.Errorf("%s: a release does not bring the agent that makes errors on purpose: run these in a clone of the repository (make kill-matrix), or name other mutants", strings.Join(names, ", ")))
}

// load are the images that are loaded into the cluster's nodes: those of ours that they cannot pull.
func (e *Environment) load() []target.Image {
	if e.options.Push != "" {
		return nil
	}
	load := []target.Image{{Ref: e.Agent.Ref, ID: e.Agent.ID, Tar: e.Agent.Tar}}
	if e.Sabotaged.Ref != "" && e.Sabotaged.Ref != e.Agent.Ref {
		load = append(load, target.Image{Ref: e.Sabotaged.Ref, ID: e.Sabotaged.ID, Tar: e.Sabotaged.Tar})
	}
	for _, a := range e.apps {
		if a.Tar != "" {
			load = append(load, target.Image{Ref: a.Ref, ID: a.ID, Tar: a.Tar})
		}
	}
	return load
}

// Apps are the images of the applications, in no order.
func (e *Environment) Apps() (all []App) {
	for _, a := range e.apps {
		all = append(all, a)
	}
	return all
}

// App is the image of that name in the workload's manifests; made is false where it is not one that we make.
func (e *Environment) App(w *workload.Workload, name string) (a App, made bool) {
	for _, im := range w.Profile.Spec.Images {
		if im.Is(name) {
			a, made = e.apps[imageKey(w.Dir, im)]
		}
	}
	return a, made
}

// Refs are the images that the names in the workload's manifests are replaced by.
func (e *Environment) Refs(w *workload.Workload) map[string]string {
	refs := map[string]string{}
	for _, im := range w.Profile.Spec.Images {
		if a, made := e.apps[imageKey(w.Dir, im)]; made && a.Err == nil {
			refs[im.Name] = a.Ref
		}
	}
	return refs
}

// ImageFailed reports whether one of the workload's images could not be made: there is nothing to deploy then.
func (e *Environment) ImageFailed(w *workload.Workload) bool {
	return slices.ContainsFunc(w.Profile.Spec.Images, func(im profile.Image) bool { return e.apps[imageKey(w.Dir, im)].Err != nil })
}

// appImages are the images that a run of these workloads has to make available, each once.
func appImages(ws []*workload.Workload, otp string) []image.App {
	var all []image.App
	seen := map[string]bool{}
	for _, w := range ws {
		for _, im := range w.Profile.Spec.Images {
			if key := imageKey(w.Dir, im); !seen[key] {
				seen[key] = true
				all = append(all, image.App{Image: im, Dir: w.Dir, OTP: cmp.Or(im.OTP, otp)})
			}
		}
	}
	return all
}

// imageKey distinguishes the images of a run: two profiles may call different ones by the same name. A folder that is built is
// the same wherever its profile lies.
func imageKey(dir string, im profile.Image) string {
	for _, path := range []*string{&im.Build, &im.Archive} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return fmt.Sprintf("%+v", im)
}
