package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"meshproof.dev/meshproof/e2e/profile"
)

// source is text that holds manifests: a file, or what a command printed.
type source struct {
	name string             // names all of it in messages
	line func(n int) string // names one line of it
	data []byte
}

func fileSource(path string, data []byte) source {
	return source{path, func(n int) string { return fmt.Sprintf("%s:%d", path, n) }, data}
}

// manifest is what there is to say about one object before anything is rendered.
type manifest struct {
	apiVersion, kind, namespace, name string
	at                                string // "FILE:LINE"
}

// id is what no two objects may have in common: the API server would refuse the second.
func (m manifest) id() string {
	group, _, grouped := strings.Cut(m.apiVersion, "/")
	if !grouped {
		group = ""
	}
	return group + " " + m.kind + " " + m.namespace + " " + m.name
}

// gather reads all that the profile wants applied, and tells where each object stands.
func (w *Workload) gather(ctx context.Context, limit time.Duration) error {
	var err error
	if argv := w.Profile.Spec.Command; len(argv) > 0 {
		var s source
		if s, err = w.printed(ctx, argv, limit); err == nil {
			w.sources = []source{s}
		}
	} else {
		w.sources, err = w.files("manifests", w.Profile.Spec.Manifests)
	}
	if err != nil {
		return err
	}
	if w.requires, err = w.files("requires", w.Profile.Spec.Requires); err != nil {
		return err
	}
	w.places = map[string]string{}
	first := map[string]string{}
	for _, all := range [][]source{w.sources, w.requires} {
		for i := range all {
			if err = w.index(&all[i], first); err != nil {
				return err
			}
		}
	}
	return nil
}

// index tells where each object of a source stands, and takes out of it what is not to be created. first has the objects of all
// sources so far.
func (w *Workload) index(s *source, first map[string]string) error {
	all, err := parse(*s)
	if err != nil {
		return err
	}
	for _, m := range all {
		if err = m.whole(); err != nil {
			return err
		}
		if at, twice := first[m.id()]; twice && !strings.HasSuffix(m.kind, "List") {
			return fmt.Errorf("%s: %s %s is there twice, first at %s: leave one of them", m.at, m.kind, m.name, at)
		}
		first[m.id()] = m.at
		w.places[m.kind+"/"+m.name] = m.at
	}
	var left []string
	if s.data, left, err = installed(s.data); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	w.notes = append(w.notes, left...)
	return nil
}

// printed is what the profile's command prints.
func (w *Workload) printed(ctx context.Context, argv []string, limit time.Duration) (source, error) {
	at, name := w.Profile.At("spec", "command"), fmt.Sprintf("%q", start(strings.Join(argv, " ")))
	data, err := output(ctx, w.Dir, argv, limit)
	if err != nil {
		return source{}, fmt.Errorf("%s: the command %s %w", at, name, err)
	}
	what := fmt.Sprintf("%s: what the command %s printed", at, name)
	return source{what, func(n int) string { return fmt.Sprintf("%s, line %d", what, n) }, data}, nil
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
			if texts[path], err = os.ReadFile(path); err != nil {
				return nil, fmt.Errorf("%s: %w", w.Profile.At("spec", key, i), err)
			}
		}
	}
	var all []source
	for _, path := range sortedKeys(texts) {
		all = append(all, fileSource(path, texts[path]))
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
		return manifestsOf(path, pattern)
	}
	if strings.Contains(pattern, "**") {
		return nil, fmt.Errorf("%q: ** is not known here; name each folder, or its files with one *", pattern)
	}
	if !filepath.IsAbs(pattern) {
		path = filepath.Join(literally(w.Dir), pattern)
	}
	all, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%q is no pattern: a [ has no ]", pattern)
	}
	all = slices.DeleteFunc(all, func(f string) bool {
		st, err := os.Stat(f)
		return err == nil && st.IsDir()
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("no file matches %q, seen from the profile's folder%s", pattern, w.beside(pattern))
	}
	return all, nil
}

// literally is a folder's path as a pattern that matches nothing else.
func literally(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// beside tells what there is where a pattern found nothing.
func (w *Workload) beside(pattern string) string {
	dir := filepath.Dir(pattern)
	entries, err := os.ReadDir(filepath.Join(w.Dir, dir))
	if err != nil {
		if strings.ContainsAny(dir, `*?[`) {
			return ""
		}
		return fmt.Sprintf("; there is no folder %s", dir)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || isManifest(e.Name()) && e.Name() != filepath.Base(w.File) {
			all = append(all, e.Name())
		}
	}
	if more := len(all) - 5; more > 0 {
		all = append(all[:5], fmt.Sprintf("and %d more", more))
	}
	if len(all) == 0 {
		return "; nothing there ends in .yaml, .yml or .json"
	}
	return "; there is " + strings.Join(all, ", ")
}

func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// manifestsOf lists a folder's manifests. Folders in it are left out, as kubectl does: they may hold something else.
func manifestsOf(dir, pattern string) ([]string, error) {
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
		case isManifest(e.Name()):
			all = append(all, path)
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	hint := ""
	if folders > 0 {
		hint = "; folders in it are not searched, name them, too"
	}
	return nil, fmt.Errorf("folder %q holds no *.yaml, *.yml or *.json%s", pattern, hint)
}

// notForUs is an error about a file that another program has to read to make manifests.
func notForUs(path string) error {
	dir := filepath.Base(filepath.Dir(path))
	switch name := filepath.Base(path); name {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return fmt.Errorf("%s/%s is kustomize's: let it print the manifests, instead of manifests: write command: [kubectl, kustomize, DIR]", dir, name)
	case "Chart.yaml":
		return fmt.Errorf("%s/%s is a chart's: let helm print the manifests, instead of manifests: write command: [helm, template, DIR]", dir, name)
	}
	return nil
}

// parse reports whether a source is YAML and every document of it an object, and lists them.
func parse(s source) ([]manifest, error) {
	var all []manifest
	d := yaml.NewDecoder(bytes.NewReader(s.data))
	for n := 0; ; n++ {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return nil, fmt.Errorf("%s: no object is in it", s.name)
			}
			return all, nil
		}
		if err != nil {
			return nil, profile.YAMLError(s.name, s.line, s.data, err)
		}
		root := doc.Content[0]
		at := s.line(root.Line)
		switch {
		case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
			continue
		case root.Kind == yaml.SequenceNode:
			return nil, fmt.Errorf("%s: this is not a Kubernetes object but a list: write its items as documents, with --- between them", at)
		case root.Kind != yaml.MappingNode:
			return nil, fmt.Errorf("%s: this is not a Kubernetes object but text: %q", at, start(root.Value))
		}
		var o map[string]any
		if err = doc.Decode(&o); err != nil {
			return nil, profile.YAMLError(s.name, s.line, s.data, err)
		}
		meta := dict(o["metadata"])
		m := manifest{text(o["apiVersion"]), text(o["kind"]), text(meta["namespace"]), text(meta["name"]), at}
		if m.kind == "" {
			return nil, fmt.Errorf("%s: this is not a Kubernetes object: it has no kind", at)
		}
		all = append(all, m)
	}
}

// whole is an error when an object has not even what every object needs.
func (m manifest) whole() error {
	switch {
	case m.kind == "Profile" && m.apiVersion == profile.APIVersion:
		return fmt.Errorf("%s: this is a profile, no manifest: does a pattern match it, too?", m.at)
	case m.apiVersion == "":
		return fmt.Errorf("%s: this %s has no apiVersion", m.at, m.kind)
	case m.name == "" && !strings.HasSuffix(m.kind, "List"):
		return fmt.Errorf("%s: this %s has no metadata.name", m.at, m.kind)
	}
	return nil
}

// start is the beginning of a text that may be long.
func start(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
