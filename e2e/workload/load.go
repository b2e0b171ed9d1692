// Package workload deploys a profile: it reads the profile from files, renders its manifests (with a mutant's changes, through
// kustomize), and creates and deletes the objects.
//
// In: a folder, a cluster's REST configuration. Out: rendered objects, running pods, errors that say what was seen; those
// about the profile name the line, and what to write instead. It runs the command that a profile has for its manifests only
// where its caller says so. It judges nothing.
package workload

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Workload is a profile with its rendered manifests, ready to be applied.
type Workload struct {
	Profile   *profile.Profile
	Resolved  *profile.Resolved
	Dir       string          // the profile's folder: its images' paths are relative to it
	Mutant    *profile.Mutant // the mutant that it is; nil if it is none
	File      string          // the profile itself, for messages
	Scenarios []string        // those that are recorded; nil: all of them
	Read      string          // from which files manifests without a profile were read
	Unjudged  []string        // what else was found there and cannot be judged, and why
	Nth       int             // which of several runs of it in a soak; 0 where it runs once

	from     inputs
	rendered rendered
	needs    Needs    // of the cluster
	notes    []string // what was inferred for manifests without a profile, and which objects are not created
}

// rendered are a workload's objects without namespace and images. They are never changed.
type rendered struct {
	now    *manifest.Set
	next   *manifest.Set // the next version; nil if there is none
	before *manifest.Set // what is required
}

// change is one kustomize layer of a mutant.
type change struct {
	profile.Kustomize
	replicas []replica
	files    map[string][]byte
	objects  map[string]*manifest.Set // of each file
}

// Loader reads profiles. Its zero value has no fixtures.
type Loader struct {
	Fixtures string        // the folder with profiles and mutants that can be given by name
	Checks   []string      // ids that a profile may skip or waive; nil: any
	Limit    time.Duration // how long a profile's command may run; 0: 30 s
	// Announce is called with one line before the command of a profile is run. Nil: no command is run, and a profile that has one
	// is an error. It is for profiles that the user has named: what is only found in a folder must not run anything.
	Announce func(line string)
	// Printed is what the command prints, if it has been run already.
	Printed []byte
}

// Load is [Loader.Load] of a loader that has only the fixtures set.
func Load(fixtures, nameOrPath string) (*Workload, error) {
	return Loader{Fixtures: fixtures}.Load(context.Background(), nameOrPath)
}

// Load reads the profile given by nameOrPath: a name in the fixtures, a folder with a profile.yaml, or a file. Every error about
// it has exit code Usage. The profile's command, if it has one, ends with ctx.
func (l Loader) Load(ctx context.Context, nameOrPath string) (*Workload, error) {
	w, err := l.load(ctx, nameOrPath)
	return w, exitcode.With(exitcode.Usage, err)
}

// LoadAll reads several profiles. A profile that is given twice is a second workload, with a number in its name.
func (l Loader) LoadAll(ctx context.Context, namesOrPaths []string) ([]*Workload, error) {
	var all []*Workload
	times := map[string]int{}
	for _, n := range namesOrPaths {
		w, err := l.Load(ctx, n)
		if err != nil {
			return nil, err
		}
		name := w.Profile.Metadata.Name
		if times[name]++; times[name] > 1 {
			w.Profile.Metadata.Name = fmt.Sprintf("%s-%d", name, times[name])
			w.Resolved.Name = w.Profile.Metadata.Name
		}
		all = append(all, w)
	}
	return all, nil
}

func (l Loader) load(ctx context.Context, nameOrPath string) (*Workload, error) {
	path, err := locate(l.Fixtures, nameOrPath)
	if err != nil {
		return nil, err
	}
	data, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return l.Understand(ctx, path, data)
}

// Understand creates a workload from a profile's text. path is where the profile is or could be.
func (l Loader) Understand(ctx context.Context, path string, data []byte) (*Workload, error) {
	p, err := profile.Decode(path, data)
	if err != nil {
		return nil, err
	}
	if l.Checks != nil {
		if err = p.CheckIDs(l.Checks); err != nil {
			return nil, err
		}
	}
	w := &Workload{Profile: p, Dir: filepath.Dir(path), File: path}
	if err = w.gather(ctx, l); err != nil {
		return nil, err
	}
	if err = w.nextVersion(w.Dir, p.Spec.Rollout, func(i int) string { return p.At("spec", "rollout", i) }); err != nil {
		return nil, err
	}
	if err = w.resolve(); err != nil {
		return nil, err
	}
	if err = l.Ignores(manifest.Join(w.rendered.now, w.rendered.before)); err != nil {
		return nil, err
	}
	// The result of a mutant's changes is not checked for consistency: they break things on purpose.
	return w, p.Fits(w.Resolved, w.rendered.now, w.rendered.next, w.rendered.before)
}

// CommandLimit is how long a profile's command may run.
func (l Loader) CommandLimit() time.Duration { return cmp.Or(l.Limit, commandLimit) }

// resolve renders once without namespace and images, to read the manifests, those of the next version, and those that are
// required.
func (w *Workload) resolve() error {
	var r rendered
	var err error
	if r.now, err = w.variant(w.from.shape, "", nil); err != nil {
		return err
	}
	if r.before, err = w.RenderRequires(nil); err != nil {
		return err
	}
	for _, s := range []*manifest.Set{r.now, r.before} {
		if err = asksWell(s); err != nil {
			return err
		}
	}
	if w.Resolved, err = profile.Resolve(w.Profile, r.now); err != nil {
		return err
	}
	if r.next, err = w.renderRollout("", nil); err != nil {
		return err
	}
	rolls, err := w.rolls(r.now, r.next)
	for _, r := range rolls {
		w.Resolved.Rollout = append(w.Resolved.Rollout, r.Kind+"/"+r.Name)
	}
	w.rendered = r
	return err
}

func locate(fixtures, nameOrPath string) (string, error) {
	places := []string{filepath.Join(nameOrPath, "profile.yaml"), nameOrPath}
	if fixtures != "" && filepath.Base(nameOrPath) == nameOrPath { // ./dns-a is the user's own
		places = append([]string{filepath.Join(fixtures, "profiles", nameOrPath, "profile.yaml")}, places...)
	}
	for _, path := range places {
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("no profile %q: it is not a file, not a folder with a profile.yaml, and not one of %s", nameOrPath, strings.Join(Names(fixtures, "profiles"), ", "))
}

// IsFile reports whether a profile is given by its own file, and not by a folder or a name.
func (l Loader) IsFile(nameOrPath string) bool {
	path, err := locate(l.Fixtures, nameOrPath)
	return err == nil && path == nameOrPath
}

// Names lists the folders in fixtures/kind ("profiles", "mutants"), sorted.
func Names(fixtures, kind string) []string {
	entries, err := os.ReadDir(filepath.Join(fixtures, kind))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names
}

// LoadMutant reads the mutant of that name in the fixtures. It returns the broken workload and its reverse, the one without the
// single mistake. The reverse is nil if it is the base profile itself, and has the same name if it is the same as another
// mutant's.
func LoadMutant(fixtures, name string) (m *profile.Mutant, broken, reversed *Workload, err error) {
	defer func() { err = exitcode.With(exitcode.Usage, err) }()
	dir := filepath.Join(fixtures, "mutants", name)
	path := filepath.Join(dir, "mutant.yaml")
	data, err := files.Read(path)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("mutant: %w", err)
	}
	if m, err = profile.DecodeMutant(path, data); err != nil {
		return nil, nil, nil, err
	}
	shape, err := readChange(dir, m.Spec.Shape)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	fault, err := readChange(dir, m.Spec.Break)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	build := func(label string, changes ...change) (*Workload, error) {
		w, e := Loader{Fixtures: fixtures}.load(context.Background(), m.Spec.Base)
		if e != nil {
			return nil, e
		}
		w.from.shape = changes
		if label == m.Metadata.Name {
			if e = w.nextVersion(dir, m.Spec.Rollout, func(int) string { return path }); e != nil {
				return nil, e
			}
			for _, f := range m.Spec.Requires {
				data, wrong := files.Read(filepath.Join(dir, f))
				if wrong != nil {
					return nil, wrong
				}
				more, wrong := read(manifest.FromFile(filepath.Join(dir, f), data))
				if wrong != nil {
					return nil, wrong
				}
				w.from.requires = append(w.from.requires, more)
			}
		}
		if m.Spec.Replicas > 0 {
			fewer := change{replicas: []replica{{w.Resolved.Workloads[0].Name, m.Spec.Replicas}}}
			w.from.shape = append([]change{fewer}, changes...)
		}
		if e = w.resolve(); e != nil {
			return nil, fmt.Errorf("%s: %w", path, e)
		}
		w.Resolved.Mutant, w.Scenarios = label, m.Spec.Scenarios
		return w, nil
	}
	if broken, err = build(m.Metadata.Name, shape, fault); err != nil {
		return nil, nil, nil, err
	}
	broken.Mutant = m
	if t := m.Spec.Means.Topology; t != "" {
		broken.Resolved.Expect.Topology = t
	}
	if d := m.Spec.Means.Discovery; d != "" {
		broken.Resolved.Expect.Discovery = d
	}
	if m.Spec.Budgets.Agreement > 0 {
		broken.Resolved.Budgets.Agreement = m.Spec.Budgets.Agreement
	}
	if m.Spec.Budgets.Formation > 0 {
		broken.Resolved.Budgets.Formation = m.Spec.Budgets.Formation
	}
	if m.Spec.Budgets.Recovery > 0 {
		broken.Resolved.Budgets.Recovery = m.Spec.Budgets.Recovery
	}
	// The reverse must form like any other: the mutant's shorter budgets do not apply to it.
	switch {
	case m.Spec.Healthy || m.Spec.Shape.Empty() && m.Spec.Replicas == 0:
	case m.Spec.Shape.Empty():
		// The same for all mutants with that many replicas. The base's console commands may expect its own number.
		if reversed, err = build(fmt.Sprintf("%d replicas", m.Spec.Replicas)); err == nil {
			reversed.Resolved.Console = nil
		}
	default:
		reversed, err = build(m.Metadata.Name+", reversed", shape)
	}
	return m, broken, reversed, err
}

func readChange(dir string, k profile.Kustomize) (change, error) {
	c := change{Kustomize: k, files: map[string][]byte{}, objects: map[string]*manifest.Set{}}
	for _, f := range append(append([]string{}, k.Resources...), k.Patches...) {
		data, err := files.Read(filepath.Join(dir, f))
		if err != nil {
			return c, err
		}
		if c.objects[f], err = manifest.Parse(filepath.Join(dir, f), data); err != nil {
			return c, err
		}
		c.files[f] = data
	}
	return c, c.readShapes(filepath.Join(dir, "..", "..", "shapes"))
}

// Name is the profile's name, with the mutant's if there is one.
func (w *Workload) Name() string {
	name := w.Profile.Metadata.Name
	if w.Resolved.Mutant != "" {
		name += "/" + w.Resolved.Mutant
	}
	if w.Nth > 0 {
		name += fmt.Sprintf("#%d", w.Nth)
	}
	return name
}

// Repeated are n runs of each workload: all of them once, then all of them again. They share what was read and rendered.
func Repeated(ws []*Workload, n int) []*Workload {
	var all []*Workload
	for nth := range n {
		for _, w := range ws {
			again := *w
			again.Nth = nth + 1
			all = append(all, &again)
		}
	}
	return all
}

// Header begins a recording of this workload.
func (w *Workload) Header(scenario recording.Scenario, namespace string) (recording.Header, error) {
	p, err := json.Marshal(w.Resolved)
	return recording.Header{Profile: p, Scenario: scenario, Namespace: namespace}, err
}
