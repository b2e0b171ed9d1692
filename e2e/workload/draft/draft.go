// Package draft writes profiles: for manifests in files, for what a command prints, for what runs in a namespace. It tells which
// of the workloads are nodes of a cluster, where their cookie is, and what is only there for others.
//
// In: paths, a command, a cluster's REST configuration. Out: the text of a profile that [workload.Loader] takes, or an error that
// says what stands in the way; workloads of plain manifests. It creates nothing in a cluster and gives no verdict.
package draft

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// Profile writes a profile for the manifests at path, a file or a folder: what the manifests tell is left out, and what is
// guessed has a comment that says from what. at is where the profile will stand: its paths are relative to that file's folder.
// What stands in the way of a whole profile is an error of code Usage; what Profile gives has been read as lint reads it.
func Profile(ctx context.Context, l workload.Loader, path, at string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", exitcode.With(exitcode.Usage, fmt.Errorf("%s: there is no such file or folder", path))
	}
	d := &draft{dir: filepath.Dir(at)}
	if err = d.read(ctx, path, st.IsDir(), l.CommandLimit()); err != nil {
		return "", exitcode.With(exitcode.Usage, err)
	}
	text, err := d.finish(ctx, l, path, at)
	return text, exitcode.With(exitcode.Usage, err)
}

// Command is [Profile] for what a command prints that is run in the profile's folder.
func Command(ctx context.Context, l workload.Loader, argv []string, at string) (string, error) {
	d := &draft{dir: filepath.Dir(at), command: argv}
	err := d.render(ctx, l.CommandLimit())
	text := ""
	if err == nil {
		text, err = d.finish(ctx, l, d.dir, at)
	}
	return text, exitcode.With(exitcode.Usage, err)
}

// finish writes the profile of what was read.
func (d *draft) finish(ctx context.Context, l workload.Loader, path, at string) (string, error) {
	d.why = map[string]string{}
	if err := d.choose(); err != nil {
		return "", err
	}
	if err := d.share(); err != nil {
		return "", err
	}
	if err := d.findCookie(); err != nil {
		return "", err
	}
	d.findTLS()
	d.findBuild(path)
	text := d.text()
	_, err := l.Understand(ctx, at, []byte(text))
	switch {
	case err != nil && d.command != nil:
		return "", fmt.Errorf("a profile of what is there would not be whole: %w. Another command may be given: meshproof init -- %s … with the values that it takes", err, strings.Join(d.command, " "))
	case err != nil:
		return "", fmt.Errorf("a profile of what is there would not be whole: %w", err)
	}
	return text, nil
}

// draft is a profile in the making.
type draft struct {
	dir     string // of the profile
	files   []drafted
	whole   string   // the folder that is taken as a whole, "" where files are named
	command []string // that prints the manifests, where files do not hold them
	nodes   []*manifest.Workload
	others  []*manifest.Workload // those that are not nodes
	before  []string             // files that are required
	cookie  [2]string            // Secret and key
	tls     string               // Secret with the nodes' certificate, "" where their distribution is plain
	build   string
	why     map[string]string // by key of the spec: from what it was guessed
}

// drafted is one file, or what a command printed, with its objects.
type drafted struct {
	name    string
	objects *manifest.Set
}

// read gathers the objects. What another program has to render, that program renders.
func (d *draft) read(ctx context.Context, path string, folder bool, limit time.Duration) error {
	var paths []string
	if folder {
		if d.command = d.renderer(path); d.command != nil {
			if err := d.render(ctx, limit); err != nil {
				return fmt.Errorf("%s has to be rendered: %w", path, err)
			}
			return nil
		}
		var err error
		if paths, err = workload.Folder(path, path); err != nil {
			return err
		}
		if d.whole = path; filepath.Clean(path) == filepath.Clean(d.dir) {
			d.whole = "" // a profile among its manifests would be taken for one
		}
	} else {
		paths = []string{path}
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err = d.add(manifest.FromFile(p, data)); err != nil {
			return err
		}
	}
	return nil
}

// render gathers the objects that the command prints.
func (d *draft) render(ctx context.Context, limit time.Duration) error {
	said := fmt.Sprintf("%q", strings.Join(d.command, " "))
	data, err := workload.Output(ctx, d.dir, d.command, limit)
	if err != nil {
		return fmt.Errorf("the command %s %w", said, err)
	}
	printed := manifest.FromFile("what "+said+" printed", data)
	printed.Stream = true
	return d.add(printed)
}

// renderer is the command for a folder that is not read as it is, nil for any other.
func (d *draft) renderer(path string) []string {
	rel := d.relative(path)
	if data, err := os.ReadFile(filepath.Join(path, "Chart.yaml")); err == nil {
		// A folder's name may be no name of a release; a chart's is one.
		var chart struct{ Name string }
		_ = yaml.Unmarshal(data, &chart) // helm says what is wrong with it
		return []string{"helm", "template", cmp.Or(chart.Name, "app"), "./" + rel}
	}
	for _, k := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, err := os.Stat(filepath.Join(path, k)); err == nil {
			return []string{"kubectl", "kustomize", rel}
		}
	}
	return nil
}

func (d *draft) add(in manifest.Input) error {
	all, err := in.Parse()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all.Documents, func(o *manifest.Document) bool { return o.APIVersion == profile.APIVersion }) {
		d.whole = ""
		return nil // an earlier profile of theirs
	}
	all, _ = workload.Installed(all)
	d.files = append(d.files, drafted{in.Name, all})
	return nil
}

// all are the objects of all files.
func (d *draft) all() *manifest.Set {
	all := &manifest.Set{}
	for _, f := range d.files {
		all = manifest.Join(all, f.objects)
	}
	return all
}

// choose tells the nodes from what they need.
func (d *draft) choose() error {
	var plain []*manifest.Workload
	var have []string
	for _, o := range d.all().Documents {
		have = append(have, o.String())
		w := o.Workload()
		switch {
		case w == nil || !profile.Runs(o.Kind):
		case erlang(w) != "":
			d.nodes = append(d.nodes, w)
		default:
			plain = append(plain, w)
		}
	}
	switch {
	case len(d.nodes) > 0:
		d.others = plain
	case len(plain) == 1:
		d.nodes = plain
	case len(plain) == 0:
		return fmt.Errorf("no %s is there, so that nothing would run; there is %s", profile.Runners, strings.Join(have, ", "))
	default:
		var names []string
		for _, o := range plain {
			names = append(names, o.String())
		}
		return fmt.Errorf("which of %s is the application? Nothing in them speaks of Erlang (a port epmd or 4369, a variable such as RELEASE_COOKIE, -setcookie): give the file of the one that is meant", strings.Join(names, ", "))
	}
	return nil
}

// share decides which files are required. One that holds both sorts cannot be.
func (d *draft) share() error {
	for _, f := range d.files {
		var node, other string
		for _, o := range f.objects.Documents {
			switch {
			case among(d.nodes, o) || selectsAny(o, d.nodes):
				node = o.String()
			case d.isOther(o):
				other = o.String()
			}
		}
		switch {
		case other == "":
		case node != "":
			return fmt.Errorf("%s holds %s, which belongs to the nodes of the cluster, and %s, which is no node: %s, it goes to spec.requires", f.name, node, other, d.apart())
		default:
			d.before = append(d.before, f.name)
			d.why["requires"] = "nothing in " + other + " speaks of Erlang"
		}
	}
	if len(d.before) > 0 {
		d.whole = ""
	}
	return nil
}

// apart says how an object comes into a file of its own.
func (d *draft) apart() string {
	if d.command == nil {
		return "put the latter into a file of its own"
	}
	into := " -o NEW" // kustomize's own
	if d.command[0] == "helm" {
		into = " --output-dir NEW"
	}
	return "let the command write files (" + strings.Join(d.command, " ") + into + "), and take the folder of the former; as for the latter"
}

// among reports whether an object is one of the workloads.
func among(all []*manifest.Workload, o *manifest.Document) bool {
	return slices.ContainsFunc(all, func(w *manifest.Workload) bool { return w.String() == o.String() })
}

// isOther reports whether an object is, or serves, what the nodes need: it has to be there before it.
func (d *draft) isOther(o *manifest.Document) bool {
	return selectsAny(o, d.others) || slices.ContainsFunc(d.others, func(w *manifest.Workload) bool {
		return w.String() == o.String() || o.Kind != "Service" && o.Kind != "Namespace" && mentions(w.Raw["spec"], o.Name)
	})
}

// selectsAny reports whether an object is a Service that selects pods of one of the workloads.
func selectsAny(o *manifest.Document, among []*manifest.Workload) bool {
	s, is := o.Object.(*corev1.Service)
	return is && slices.ContainsFunc(among, func(w *manifest.Workload) bool { return manifest.Covers(w.Labels(), s.Spec.Selector) })
}

// mentions reports whether a text is one of the values in v.
func mentions(v any, word string) bool {
	switch v := v.(type) {
	case string:
		return v == word
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return mentions(x, word) })
	case map[string]any:
		for _, x := range v {
			if mentions(x, word) {
				return true
			}
		}
	}
	return false
}

// relative is a path as the profile's folder sees it.
func (d *draft) relative(path string) string {
	from, err1 := filepath.Abs(d.dir)
	to, err2 := filepath.Abs(path)
	if rel, err := filepath.Rel(from, to); err1 == nil && err2 == nil && err == nil {
		return rel
	}
	return path
}
