package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// source is text that holds manifests, and its objects.
type source struct {
	manifest.Input
	objects *manifest.Set
}

// read reads the objects of a source.
func read(in manifest.Input) (source, error) {
	objects, err := in.Parse()
	return source{in, objects}, err
}

// inputs are the sources of a workload: everything as it was read, not rendered.
type inputs struct {
	objects  []source
	requires []source // applied before the others; none of their pods is a node
	shape    []change // of a mutant
	rollout  []change // on top of the shape: the next version
}

// gather reads everything that the profile deploys.
func (w *Workload) gather(ctx context.Context, l Loader) error {
	var err error
	if argv := w.Profile.Spec.Command; len(argv) > 0 {
		var s source
		if s, err = w.printed(ctx, argv, l); err == nil {
			w.from.objects = []source{s}
		}
	} else {
		w.from.objects, err = w.files("manifests", w.Profile.Spec.Manifests)
	}
	if err != nil {
		return err
	}
	if w.from.requires, err = w.files("requires", w.Profile.Spec.Requires); err != nil {
		return err
	}
	first := map[string]*manifest.Document{}
	for _, all := range [][]source{w.from.objects, w.from.requires} {
		for i := range all {
			if err = w.index(&all[i], first); err != nil {
				return err
			}
		}
	}
	return nil
}

// index checks each object of a source, and removes those that are not to be created. first has the objects of all sources so
// far.
func (w *Workload) index(s *source, first map[string]*manifest.Document) error {
	for _, d := range s.objects.Documents {
		if err := whole(d); err != nil {
			return err
		}
		if before := first[id(d)]; before != nil {
			return fmt.Errorf("%s: %s occurs twice, first at %s: remove one of them", d.At(), d, before.At())
		}
		first[id(d)] = d
	}
	objects, left := Installed(s.objects)
	if len(left) == 0 {
		return nil // as it was written
	}
	w.notes, s.objects = append(w.notes, left...), objects
	var err error
	s.Data, err = objects.YAML()
	return err
}

// id identifies an object: the API server would reject a second one with the same.
func id(d *manifest.Document) string {
	group, _, grouped := strings.Cut(d.APIVersion, "/")
	if !grouped {
		group = ""
	}
	return group + " " + d.Kind + " " + d.Namespace + " " + d.Name
}

// printed is what the profile's command prints.
func (w *Workload) printed(ctx context.Context, argv []string, l Loader) (source, error) {
	at, name := w.Profile.At("spec", "command"), fmt.Sprintf("%q", manifest.Start(strings.Join(argv, " ")))
	data := l.Printed
	if data == nil && l.Announce == nil {
		return source{}, fmt.Errorf("%s: not rendered: the command %s was not run, because a folder may come from anybody; to run it, name the profile itself: %s", at, name, w.File)
	}
	if data == nil {
		l.Announce(fmt.Sprintf("running: %s (from %s)", plain(strings.Join(argv, " ")), at))
		var err error
		if data, err = Output(ctx, w.Dir, argv, l.CommandLimit()); err != nil {
			return source{}, fmt.Errorf("%s: the command %s %w", at, name, err)
		}
	}
	what := fmt.Sprintf("%s: the output of the command %s", at, name)
	return read(manifest.Input{Name: what, Line: func(n int) string { return fmt.Sprintf("%s, line %d", what, n) }, Data: data, Stream: true})
}

// plain is text on one line of a terminal: quoted where it could be anything else.
func plain(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// files reads the files that the patterns under that key of the spec name, each once, sorted.
func (w *Workload) files(key string, patterns []string) ([]source, error) {
	texts := map[string][]byte{}
	for i, pattern := range patterns {
		found, err := w.match(pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Profile.At("spec", key, i), err)
		}
		for _, path := range found {
			if err = notForUs(path); err != nil {
				return nil, fmt.Errorf("%s: %w", w.Profile.At("spec", key, i), err)
			}
			if texts[path], err = files.Read(path); err != nil {
				return nil, fmt.Errorf("%s: %w", w.Profile.At("spec", key, i), err)
			}
		}
	}
	var all []source
	for _, path := range sortedKeys(texts) {
		s, err := read(manifest.FromFile(path, texts[path]))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// match lists the files that a pattern names.
func (w *Workload) match(pattern string) ([]string, error) {
	path := pattern
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.Dir, path)
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return Folder(path, pattern)
	}
	if strings.Contains(pattern, "**") {
		return nil, fmt.Errorf("%q: ** is not supported; name each folder, or its files with one *", pattern)
	}
	if !filepath.IsAbs(pattern) {
		path = filepath.Join(literally(w.Dir), pattern)
	}
	all, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%q is not a valid pattern: a [ has no ]", pattern)
	}
	all = slices.DeleteFunc(all, func(f string) bool {
		st, err := os.Stat(f)
		return err == nil && st.IsDir()
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("no file matches %q in the profile's folder%s", pattern, w.beside(pattern))
	}
	return all, nil
}

// literally is a folder's path as a pattern that matches only that folder.
func literally(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// beside says what the folder contains if a pattern matches nothing there.
func (w *Workload) beside(pattern string) string {
	dir := filepath.Dir(pattern)
	entries, err := os.ReadDir(filepath.Join(w.Dir, dir))
	if err != nil {
		if strings.ContainsAny(dir, `*?[`) {
			return ""
		}
		return fmt.Sprintf("; folder %s does not exist", dir)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || IsManifest(e.Name()) && e.Name() != filepath.Base(w.File) {
			all = append(all, e.Name())
		}
	}
	if more := len(all) - 5; more > 0 {
		all = append(all[:5], fmt.Sprintf("and %d more", more))
	}
	if len(all) == 0 {
		return "; the folder contains no *.yaml, *.yml or *.json"
	}
	return "; the folder contains " + strings.Join(all, ", ")
}

// IsManifest reports whether a file may have manifests, by its name.
func IsManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// Folder lists a folder's manifests; pattern is the name that the user gave. Folders inside it are not searched, as with kubectl.
func Folder(dir, pattern string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	folders := 0
	for _, e := range entries {
		switch path := filepath.Join(dir, e.Name()); {
		case e.IsDir():
			folders++
		case notForUs(path) != nil:
			return nil, notForUs(path)
		case IsManifest(e.Name()):
			all = append(all, path)
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	hint := ""
	if folders > 0 {
		hint = "; folders inside it are not searched: name them as well"
	}
	return nil, fmt.Errorf("folder %q contains no *.yaml, *.yml or *.json%s", pattern, hint)
}

// notForUs returns an error about a file from which another program must render the manifests.
func notForUs(path string) error {
	dir := filepath.Base(filepath.Dir(path))
	switch name := filepath.Base(path); name {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return fmt.Errorf("%s/%s is a kustomization, which must be rendered: replace manifests: with command: [kubectl, kustomize, DIR]", dir, name)
	case "Chart.yaml":
		return fmt.Errorf("%s/%s is a Helm chart, which must be rendered: replace manifests: with command: [helm, template, DIR]", dir, name)
	}
	return nil
}

// whole returns an error if an object lacks a field that every object needs.
func whole(d *manifest.Document) error {
	switch {
	case d.Kind == "Profile" && d.APIVersion == profile.APIVersion:
		return fmt.Errorf("%s: this is a profile and not a manifest; check whether a pattern in manifests matches it", d.At())
	case d.APIVersion == "":
		return fmt.Errorf("%s: this %s has no apiVersion", d.At(), d.Kind)
	case d.Name == "":
		return fmt.Errorf("%s: this %s has no metadata.name", d.At(), d.Kind)
	}
	return nil
}
