package draft

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"meshproof.dev/meshproof/e2e/manifest"
)

// kustomizations are the names that kustomize's own file may have.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// Limits of a kustomization with all that it names.
const (
	maxFiles = 1000
	maxBytes = 8 << 20
)

// local renders a kustomization without running or fetching anything. kustomize itself decides by an entry's text whether it is a
// file, a folder or something to fetch, and does so also where a file of that name exists. So it never sees the entries: each is
// looked up here, copied into memory under a name that is ours, and named so in a copy of the kustomization.
type local struct {
	root    string // nothing outside is read
	fs      filesys.FileSystem
	folders map[string]*copied // by path without symbolic links
	files   int
	bytes   int64

	top   string               // the folder that is rendered
	used  map[string]bool      // the files that were read
	real  map[string]string    // by our names of the files
	text  []byte               // what was rendered
	origs []*manifest.Document // for each object of it where it is from; nil where that is not known
}

// copied is a folder with a kustomization, copied into memory.
type copied struct {
	from, name string
	weight     int // how many folders are read for it: one that two others name is read twice; 0 while it is being copied
}

// renderLocal renders the kustomization in dir. The error says why it is not rendered; what was read until then is there all the same.
// within is a folder that contains dir and that the user named: all below it may be read, too.
func renderLocal(dir, within string) (*local, error) {
	l := &local{fs: filesys.MakeFsInMemory(), folders: map[string]*copied{}, used: map[string]bool{}, real: map[string]string{}}
	var err error
	if dir, err = resolved(dir); err != nil {
		return l, err
	}
	if within, err = resolved(within); err != nil {
		return l, err
	}
	l.root, l.top = checkout(dir, within), dir
	top, err := l.folder(dir)
	if err != nil {
		return l, err
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(l.fs, top.name)
	if err != nil {
		return l, err
	}
	l.origins(m, top)
	if err = m.RemoveOriginAnnotations(); err != nil {
		return l, err
	}
	l.text, err = m.AsYaml()
	return l, err
}

// resolved is an absolute path without symbolic links.
func resolved(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// checkout is the folder of the Git repository that contains dir: an overlay names a base beside it. Without one it is within.
func checkout(dir, within string) string {
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Lstat(filepath.Join(up, ".git")); err == nil {
			return up
		}
		if up == filepath.Dir(up) {
			return within
		}
	}
}

// folder copies the kustomization in a folder.
func (l *local) folder(dir string) (*copied, error) {
	if c := l.folders[dir]; c != nil {
		if c.weight == 0 {
			return nil, fmt.Errorf("%s contains itself", shown(dir))
		}
		return c, nil
	}
	c := &copied{from: dir, name: fmt.Sprintf("/k%d", len(l.folders))}
	l.folders[dir] = c
	data, err := l.kustomization(dir)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err = yaml.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	weight := 1
	for key, value := range fields {
		if fields[key], err = l.field(c, key, value, &weight); err != nil {
			return nil, err
		}
	}
	if weight > maxFiles {
		return nil, errors.New("it contains too many folders")
	}
	c.weight = weight
	modern(fields)
	if c.from == l.top {
		fields["buildMetadata"] = []string{"originAnnotations"}
	}
	y, err := yaml.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return c, l.fs.WriteFile(path.Join(c.name, "kustomization.yaml"), y)
}

// kustomization reads kustomize's own file.
func (l *local) kustomization(dir string) (data []byte, err error) {
	for _, k := range kustomizations {
		if _, err = os.Lstat(filepath.Join(dir, k)); err != nil {
			continue
		}
		if data != nil {
			return nil, fmt.Errorf("%s has two kustomizations", shown(dir))
		}
		if data, err = l.read(dir, k); err != nil {
			return nil, err
		}
		l.real[path.Join(l.folders[dir].name, "kustomization.yaml")] = filepath.Join(dir, k)
	}
	if data == nil {
		return nil, fmt.Errorf("%s has no kustomization", shown(dir))
	}
	return data, nil
}

// field returns a field of a kustomization with our names of what it names. Fields that are not known to be harmless are refused.
func (l *local) field(c *copied, key string, value any, weight *int) (any, error) {
	entry := func(v any) (any, error) { return l.entry(c, v) }
	if value == nil {
		return nil, nil
	}
	switch key {
	case "apiVersion", "kind", "metadata", "namespace", "namePrefix", "nameSuffix", "labels", "commonLabels", "commonAnnotations",
		"images", "replicas", "generatorOptions", "sortOptions", "vars":
		return value, nil
	case "resources", "bases", "components":
		return each(value, func(v any) (any, error) { return l.resource(c, v, weight) })
	case "patchesStrategicMerge":
		return each(value, func(v any) (any, error) {
			if text, is := v.(string); is && strings.Contains(text, "\n") {
				return l.put(c, []byte(text)) // the patch itself
			}
			return entry(v)
		})
	case "patches", "patchesJson6902":
		return each(value, func(v any) (any, error) { return with(v, rewrites{"path": entry}, "patch", "target", "options") })
	case "replacements":
		return each(value, func(v any) (any, error) { return with(v, rewrites{"path": entry}, "source", "targets") })
	case "configMapGenerator", "secretGenerator":
		return each(value, func(v any) (any, error) {
			return with(v, rewrites{
				"env":   entry,
				"envs":  func(list any) (any, error) { return each(list, entry) },
				"files": func(list any) (any, error) { return each(list, func(v any) (any, error) { return l.keyed(c, v) }) },
			}, "name", "namespace", "behavior", "type", "literals", "options")
		})
	}
	return nil, fmt.Errorf("it has the field %s, which may run or fetch something", shown(key))
}

// rewrites are what is done to the values of a map.
type rewrites map[string]func(any) (any, error)

// each rewrites the elements of a list.
func each(list any, f func(any) (any, error)) (any, error) {
	all, is := list.([]any)
	if !is {
		return nil, errors.New("a field of it is not a list")
	}
	for i := range all {
		var err error
		if all[i], err = f(all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// with rewrites the values of a map, which may have these other keys. Any other is refused: kustomize ignores the case of keys.
func with(v any, rewrite rewrites, others ...string) (any, error) {
	m, is := v.(map[string]any)
	if !is {
		return nil, errors.New("an entry of it is not a map")
	}
	for key, value := range m {
		f := rewrite[key]
		if f == nil && !slices.Contains(others, key) {
			return nil, fmt.Errorf("it has the key %s, which may run or fetch something", shown(key))
		}
		if f == nil {
			continue
		}
		var err error
		if m[key], err = f(value); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// resource copies the file, or the folder with its own kustomization, that an entry names, and returns our name of it.
func (l *local) resource(c *copied, v any, weight *int) (any, error) {
	text, at, err := l.find(c, v)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return l.entry(c, v)
	}
	if err = l.inside(at, text); err != nil {
		return nil, err
	}
	base, err := l.folder(at)
	if err != nil {
		return nil, err
	}
	*weight += base.weight
	return ".." + base.name, nil
}

// entry copies the file that an entry names, and returns our name of it.
func (l *local) entry(c *copied, v any) (any, error) {
	text, at, err := l.find(c, v)
	if err != nil {
		return nil, err
	}
	data, err := l.read(c.from, text)
	if err != nil {
		return nil, err
	}
	name, err := l.put(c, data)
	l.real[path.Join(c.name, name)] = at
	return name, err
}

// keyed is entry for one that may say under which key its content is to be.
func (l *local) keyed(c *copied, v any) (any, error) {
	text, _ := v.(string)
	key, file, named := strings.Cut(text, "=")
	if !named {
		key, file = path.Base(text), text
	}
	ours, err := l.entry(c, file)
	return fmt.Sprintf("%s=%s", key, ours), err
}

// find returns what an entry says, and the path that it names.
func (l *local) find(c *copied, v any) (text, at string, err error) {
	text, is := v.(string)
	switch {
	case !is || text == "":
		return "", "", errors.New("an entry of it is not a path")
	case filepath.IsAbs(text):
		return "", "", fmt.Errorf("%s is an absolute path", shown(text))
	}
	if at, err = resolved(filepath.Join(c.from, text)); err != nil {
		err = fmt.Errorf("%s is not a file or folder here, and nothing is fetched", shown(text))
	}
	return text, at, err
}

// put writes a file beside the copy of its kustomization.
func (l *local) put(c *copied, data []byte) (string, error) {
	l.files++
	name := fmt.Sprintf("f%d.yaml", l.files)
	return name, l.fs.WriteFile(path.Join(c.name, name), data)
}

// inside returns an error about a path that leads out of the root.
func (l *local) inside(at, text string) error {
	rel, err := filepath.Rel(l.root, at)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s leads out of %s", shown(text), shown(l.root))
	}
	return nil
}

// read reads a regular file inside the root.
func (l *local) read(dir, text string) ([]byte, error) {
	at, err := resolved(filepath.Join(dir, text))
	if err != nil {
		return nil, err
	}
	if err = l.inside(at, text); err != nil {
		return nil, err
	}
	st, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", shown(text))
	}
	if l.bytes += st.Size(); l.bytes > maxBytes || l.files >= maxFiles {
		return nil, fmt.Errorf("it names more than %d files or %d MiB", maxFiles, maxBytes>>20)
	}
	l.used[at] = true
	f, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes))
}
