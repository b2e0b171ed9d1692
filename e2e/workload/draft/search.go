package draft

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// Limits of a search: how many files and folders it looks at, and how many kustomizations it renders.
const (
	mostEntries        = 50_000
	mostKustomizations = 200
)

// notSearched are folders that are full of files of others: dependencies and what a build made of them. Hidden ones are not
// searched either.
var notSearched = []string{"node_modules", "vendor", "_build", "deps"}

// search is what is below a folder, of which only files are read.
type search struct {
	root     string
	plain    []drafted
	kustom   []string          // folders with a kustomization
	rendered map[string]*local // of kustom: those that could be rendered without running or fetching anything
	failed   map[string]error  // of kustom: why the others could not
	charts   []string
	entries  int

	left     []string // files that are no manifests
	broken   []string // those that seem to be, and cannot be read: why
	skipped  []string // folders
	profiles []string
}

// walk searches a folder and those below it.
func (s *search) walk(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if dir != s.root && hasFile(entries, "Chart.yaml") {
		s.charts = append(s.charts, dir)
		return nil // its templates are no manifests before helm has rendered them
	}
	kustomized := slices.ContainsFunc(kustomizations, func(k string) bool { return hasFile(entries, k) })
	if kustomized {
		if s.kustom = append(s.kustom, dir); len(s.kustom) > mostKustomizations {
			return fmt.Errorf("below %s are more than %d kustomizations: name the one that is deployed", shown(s.root), mostKustomizations)
		}
	}
	for _, e := range entries {
		if s.entries++; s.entries > mostEntries {
			return fmt.Errorf("below %s are more than %d files: name the folder that has the manifests", shown(s.root), mostEntries)
		}
		switch at := filepath.Join(dir, e.Name()); {
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") || slices.Contains(notSearched, e.Name())):
			if e.Name() != ".git" {
				s.skipped = append(s.skipped, at)
			}
		case e.IsDir():
			err = s.walk(at)
		case slices.Contains(kustomizations, e.Name()):
		case workload.IsManifest(e.Name()) && s.within(e, at):
			err = s.file(at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func hasFile(entries []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && !e.IsDir() })
}

// within reports whether a file is below the root, wherever a link leads. A link in the named folder itself is taken as it is.
func (s *search) within(e fs.DirEntry, at string) bool {
	if e.Type()&fs.ModeSymlink == 0 || filepath.Dir(at) == s.root {
		return true
	}
	root, err := resolved(s.root)
	to, failed := resolved(at)
	st, gone := os.Stat(at)
	return err == nil && failed == nil && gone == nil && !st.IsDir() && strings.HasPrefix(to, root+string(filepath.Separator))
}

// file reads a file if it is a manifest. One that is in the named folder itself, and is meant to be one, must be readable; one far
// below may be broken on purpose, as an example.
func (s *search) file(at string) error {
	data, err := files.Read(at)
	if err != nil {
		return err
	}
	if !bytes.Contains(data, []byte("apiVersion")) || !bytes.Contains(data, []byte("kind")) {
		s.left = append(s.left, at)
		return nil
	}
	all, err := manifest.FromFile(at, data).Parse()
	switch {
	case err != nil && manifestLike(data) && filepath.Dir(at) == filepath.Clean(s.root):
		return err
	case err != nil && manifestLike(data):
		s.broken = append(s.broken, err.Error())
	case err != nil || slices.ContainsFunc(all.Documents, func(o *manifest.Document) bool { return o.APIVersion == "" || o.Name == "" && !generatesName(o) }):
		s.left = append(s.left, at)
	case slices.ContainsFunc(all.Documents, func(o *manifest.Document) bool { return o.APIVersion == profile.APIVersion }):
		s.profiles = append(s.profiles, at)
	case slices.ContainsFunc(all.Documents, func(o *manifest.Document) bool { return isPatch(o) || !servedAPI(o) }):
		s.left = append(s.left, at)
	default:
		all, _ = workload.Installed(all)
		s.plain = append(s.plain, drafted{at, withoutOwned(all)})
	}
	return nil
}

// manifestLike reports whether text begins objects as manifests do, whatever is wrong with it.
func manifestLike(data []byte) bool {
	return bytes.Contains(data, []byte("\napiVersion:")) || bytes.HasPrefix(data, []byte("apiVersion:"))
}

// isPatch reports whether an object is only a part of a workload, for kustomize: it has no image.
func isPatch(o *manifest.Document) bool {
	if !runs(o.Kind) || o.Object == nil {
		return false
	}
	w := o.Workload()
	return w == nil || !slices.ContainsFunc(w.Containers(), func(c *manifest.Container) bool { return c.Image != "" })
}

// servedAPI reports whether a cluster may have the API of an object. Groups without a dot are Kubernetes' own; files of other
// programs look alike (skaffold/v2).
func servedAPI(o *manifest.Document) bool {
	group, _, grouped := strings.Cut(o.APIVersion, "/")
	return !grouped || strings.Contains(group, ".") || slices.Contains([]string{"apps", "batch", "autoscaling", "policy", "extensions"}, group)
}

func generatesName(o *manifest.Document) bool {
	meta, _ := o.Raw["metadata"].(map[string]any)
	_, is := meta["generateName"].(string)
	return is
}

// render renders the kustomizations that were found, and takes away the files that they have read, and what lies beside them: only
// what a kustomization names is deployed.
func (s *search) render() {
	s.rendered, s.failed = map[string]*local{}, map[string]error{}
	folders, read := map[string]bool{}, map[string]bool{}
	for _, dir := range s.kustom {
		l, err := renderLocal(dir, s.root)
		if err != nil {
			s.failed[dir] = err
			continue
		}
		s.rendered[dir] = l
		for at := range l.used {
			read[at] = true
		}
		for at := range l.folders {
			folders[at] = folders[at] || at != l.top
		}
	}
	s.kustom = slices.DeleteFunc(s.kustom, func(dir string) bool {
		at, err := resolved(dir)
		return err == nil && folders[at] // another one has it as its base
	})
	all := s.plain
	s.plain = nil
	for _, f := range all {
		at, err := resolved(f.name)
		if err == nil && read[at] {
			continue
		}
		if s.beside(f.name) {
			s.left = append(s.left, f.name)
			continue
		}
		s.plain = append(s.plain, f)
	}
}

// beside reports whether a file is in a folder with a kustomization, or below one.
func (s *search) beside(file string) bool {
	for dir := range s.kustomized() {
		if strings.HasPrefix(file, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// kustomized are all folders with a kustomization, bases too.
func (s *search) kustomized() map[string]bool {
	all := map[string]bool{}
	for dir := range s.rendered {
		all[dir] = true
	}
	for dir := range s.failed {
		all[dir] = true
	}
	return all
}

// below are the sets of manifests below a folder: each may be deployed by itself.
func below(d draft, path string) ([]*draft, error) {
	s := &search{root: filepath.Clean(path)}
	if err := s.walk(s.root); err != nil {
		return nil, err
	}
	s.render()
	d.omitted = s.omitted(&d)
	var sets []*draft
	for _, files := range split(s.root, s.plain) {
		one := d
		one.files = files
		if one.where = folderOf(files); s.complete(files) && filepath.Clean(path) != filepath.Clean(d.dir) {
			one.whole = path
		}
		sets = append(sets, &one)
	}
	for _, dir := range s.kustom {
		l := s.rendered[dir]
		if l == nil {
			continue
		}
		one := d
		one.where = dir
		one.command, one.printed = d.renderer(dir), l.text
		if err := one.addRendered(l, dir); err != nil {
			return nil, err
		}
		sets = append(sets, &one)
	}
	if len(sets) == 0 {
		return nil, s.nothing(&d)
	}
	return sets, nil
}

// nothing is the error where a search has found no manifest.
func (s *search) nothing(d *draft) error {
	if len(s.profiles) > 0 && len(s.charts)+len(s.kustom) == 0 {
		return fmt.Errorf("there are no manifests, only profiles: name what has them, a folder or files")
	}
	err := fmt.Errorf("folder %q contains no manifests in *.yaml, *.yml or *.json, and no folder below it does", shown(s.root))
	for _, line := range d.omitted {
		err = fmt.Errorf("%w\n%s", err, line)
	}
	if d.lacks() {
		return exitcode.With(d.unrendered(), err)
	}
	return exitcode.With(exitcode.Usage, err)
}

// complete reports whether the files are all that a profile would read of the folder, if it named that.
func (s *search) complete(files []drafted) bool {
	if len(files) != len(s.plain) || slices.ContainsFunc(files, func(f drafted) bool { return filepath.Dir(f.name) != s.root }) {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(s.left, s.profiles, s.broken), func(f string) bool { return filepath.Dir(f) == s.root })
}
