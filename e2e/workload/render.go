package workload

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"meshproof.dev/meshproof/e2e/manifest"
)

// kustomization is the part of kustomize's own file that we write.
type kustomization struct {
	Resources  []string  `yaml:"resources,omitempty"`
	Components []string  `yaml:"components,omitempty"`
	Patches    []patch   `yaml:"patches,omitempty"`
	Replicas   []replica `yaml:"replicas,omitempty"`
	Images     []image   `yaml:"images,omitempty"`
	Namespace  string    `yaml:"namespace,omitempty"`
}

type replica struct {
	Name  string `yaml:"name"`
	Count int    `yaml:"count"`
}

type patch struct {
	Path string `yaml:"path"`
}

type image struct {
	Name    string `yaml:"name"`
	NewName string `yaml:"newName"`
	NewTag  string `yaml:"newTag,omitempty"`
	Digest  string `yaml:"digest,omitempty"`
}

// Render returns the manifests: the profile's, with its variables, changed by the mutant's layers, in the namespace (none if
// empty), with the images replaced by those that were made available. Each object has the place of its source in the files.
func (w *Workload) Render(namespace string, images map[string]string) (*manifest.Set, error) {
	if namespace == "" && len(images) == 0 && w.rendered.now != nil {
		return w.rendered.now, nil
	}
	return w.variant(w.from.shape, namespace, images)
}

// variant is what the profile deploys with these changes. A mutant's changes are applied after the profile's variables, because
// they may break one.
func (w *Workload) variant(changes []change, namespace string, images map[string]string) (*manifest.Set, error) {
	sources := w.from.objects
	if len(w.Profile.Spec.Env) > 0 {
		plain, err := w.render(sources, nil, "", nil)
		if err != nil {
			return nil, err
		}
		y, err := withEnv(plain, w.Profile.Spec.Env).YAML()
		if err != nil {
			return nil, err
		}
		sources = []source{{Input: manifest.Rendered(y)}}
	}
	return w.render(sources, changes, namespace, images)
}

// RenderRequires returns what the profile requires. An object that names a namespace keeps it: it may belong in another one. The
// set is empty if nothing is required.
func (w *Workload) RenderRequires(images map[string]string) (*manifest.Set, error) {
	if len(w.from.requires) == 0 {
		return &manifest.Set{}, nil
	}
	return w.render(w.from.requires, nil, "", images)
}

func (w *Workload) render(sources []source, changes []change, namespace string, images map[string]string) (*manifest.Set, error) {
	if len(changes) == 0 && namespace == "" && len(images) == 0 {
		all, err := asWritten(sources)
		if err != nil {
			return nil, fmt.Errorf("rendering the manifests of %s: %w", w.Profile.Metadata.Name, err)
		}
		return w.needs.meet(present(all, images)), nil
	}
	fs := filesys.MakeFsInMemory()
	// kustomize reads only files inside its own folder, and the profile's may be anywhere: here they get other names.
	files := map[string][]byte{}
	for i, s := range sources {
		files[fmt.Sprintf("%04d.yaml", i)] = s.Data
	}
	top, err := w.layer(fs, "base", kustomization{Resources: sortedKeys(files)}, files)
	if err != nil {
		return nil, err
	}
	for i, c := range changes {
		k := kustomization{Resources: append([]string{"../" + top}, c.Resources...), Components: c.components(), Replicas: c.replicas}
		for _, p := range c.Patches {
			k.Patches = append(k.Patches, patch{p})
		}
		if top, err = w.layer(fs, fmt.Sprintf("layer%d", i), k, c.files); err != nil {
			return nil, err
		}
	}
	k := kustomization{Resources: []string{"../" + top}, Namespace: namespace}
	for _, name := range sortedKeys(images) {
		ref, digest, _ := strings.Cut(images[name], "@")
		ref, tag := SplitImage(ref)
		k.Images = append(k.Images, image{name, ref, tag, digest})
	}
	if top, err = w.layer(fs, "top", k, nil); err != nil {
		return nil, err
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, top)
	if err != nil {
		return nil, fmt.Errorf("rendering the manifests of %s: %w", w.Profile.Metadata.Name, err)
	}
	all := &manifest.Set{}
	places := w.places(changes)
	for _, r := range m.Resources() {
		j, err := r.MarshalJSON()
		if err != nil {
			return nil, err
		}
		d, err := manifest.FromJSON(j)
		if err != nil {
			return nil, err
		}
		if from := places[d.String()]; from != nil {
			d.Locate(from)
		}
		all.Documents = append(all.Documents, d)
	}
	return w.needs.meet(present(all, images)), nil
}

// places are the objects in the files, by kind and name, from which the rendered ones come.
func (w *Workload) places(changes []change) map[string]*manifest.Document {
	all := map[string]*manifest.Document{}
	add := func(s *manifest.Set) {
		for _, d := range s.Documents {
			all[d.String()] = d
		}
	}
	for _, s := range slices.Concat(w.from.requires, w.from.objects) {
		add(s.objects)
	}
	for _, c := range changes {
		for _, f := range c.Resources {
			add(c.objects[f])
		}
	}
	return all
}

func (w *Workload) layer(fs filesys.FileSystem, name string, k kustomization, files map[string][]byte) (string, error) {
	y, err := yaml.Marshal(k)
	if err != nil {
		return "", err
	}
	if err := fs.WriteFile(path.Join(name, "kustomization.yaml"), y); err != nil {
		return "", err
	}
	for f, data := range files {
		if err := fs.WriteFile(path.Join(name, f), data); err != nil {
			return "", err
		}
	}
	return name, nil
}

// SplitImage splits an image reference at its tag; a colon before the last slash is a registry's port.
func SplitImage(ref string) (name, tag string) {
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
