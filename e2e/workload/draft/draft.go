// Package draft writes profiles: for manifests in files, for the output of a command, for what runs in a namespace. It decides
// which of the workloads are nodes of a cluster, where their cookie is, and which objects belong to other workloads.
//
// In: paths, a command, a cluster's REST configuration. Out: the text of a profile that [workload.Loader] accepts, or an error
// that says what prevents it; workloads of plain manifests. It creates nothing in a cluster and judges nothing. It runs the
// command that it is given, and nothing that it finds in a folder.
package draft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// Profile writes a profile for the manifests at path, a file or a folder. It omits what is inferred from the manifests, and a
// guessed value has a comment that says from what. at is the file of the profile: its paths are relative to that file's folder.
// If no complete profile is possible, the error has code Usage. A returned profile has been read as lint reads it.
func Profile(ctx context.Context, l workload.Loader, path, at string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", exitcode.With(exitcode.Usage, fmt.Errorf("%s: no such file or folder: name a folder of manifests, or one file of them", path))
	}
	sets, err := read(draft{dir: filepath.Dir(at)}, path, st.IsDir())
	if err == nil {
		sets, err = pick(sets)
	}
	var d *draft
	if err == nil {
		d, err = only(sets)
	}
	if err != nil {
		return "", exitcode.With(exitcode.Usage, err)
	}
	l.Announce, l.Printed = nil, d.printed
	text, err := d.finish(ctx, l, path, at)
	return text, exitcode.With(exitcode.Usage, err)
}

// Command is [Profile] for the output of a command that is run in the profile's folder.
func Command(ctx context.Context, l workload.Loader, argv []string, at string) (string, error) {
	d := &draft{dir: filepath.Dir(at), command: argv}
	err := d.render(ctx, l.CommandLimit())
	text := ""
	if err == nil {
		err = d.choose()
	}
	if err == nil {
		l.Printed = d.printed
		text, err = d.finish(ctx, l, d.dir, at)
	}
	return text, exitcode.With(exitcode.Usage, err)
}

// finish writes the profile.
func (d *draft) finish(ctx context.Context, l workload.Loader, path, at string) (string, error) {
	d.why = map[string]string{}
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
		return "", fmt.Errorf("cannot write a complete profile: %w. To pass other values, give the command: meshproof init -- %s …", err, strings.Join(d.command, " "))
	case err != nil:
		return "", fmt.Errorf("cannot write a complete profile: %w", err)
	}
	return text, nil
}

// draft is a profile that is being written.
type draft struct {
	dir     string // of the profile
	where   string // the file or folder that the manifests are from
	files   []drafted
	whole   string   // the folder whose files are all used, "" if files are named
	command []string // that prints the manifests, if they are not in files
	printed []byte   // what it prints
	omitted []string // what was found and not rendered, and why
	lint    bool     // nothing is written: it is for lint
	nodes   []*manifest.Workload
	others  []*manifest.Workload // those that are not nodes
	before  []string             // files that are required
	cookie  [2]string            // Secret and key
	tls     string               // Secret with the nodes' certificate, "" if their distribution does not use TLS
	build   string
	why     map[string]string // by key of the spec: from what it was guessed
}

// drafted is one file, or the output of a command, with its objects.
type drafted struct {
	name    string
	objects *manifest.Set
}

// read reads the manifests at path: those of a file, of a chart or a kustomization, or all that are below a folder.
func read(d draft, path string, folder bool) ([]*draft, error) {
	d.where = path
	if folder {
		if argv := d.renderer(path); argv != nil {
			return []*draft{&d}, d.folder(path, argv)
		}
		return below(d, path)
	}
	data, err := files.Read(path)
	if err == nil {
		err = d.add(manifest.FromFile(path, data))
	}
	return []*draft{&d}, err
}

// render reads the objects that the command prints.
func (d *draft) render(ctx context.Context, limit time.Duration) error {
	said := fmt.Sprintf("%q", strings.Join(d.command, " "))
	data, err := workload.Output(ctx, d.dir, d.command, limit)
	if err != nil {
		return fmt.Errorf("the command %s %w", said, err)
	}
	d.printed = data
	printed := manifest.FromFile("the output of "+said, data)
	printed.Stream = true
	return d.add(printed)
}

func (d *draft) add(in manifest.Input) error { return d.addAll(in, func(*manifest.Set) {}) }

// addAll is add, with what is done to the objects before any is left out.
func (d *draft) addAll(in manifest.Input, change func(*manifest.Set)) error {
	all, err := in.Parse()
	if err != nil {
		return err
	}
	change(all)
	if slices.ContainsFunc(all.Documents, func(o *manifest.Document) bool { return o.APIVersion == profile.APIVersion }) {
		d.whole = ""
		return nil // an earlier profile of the user
	}
	all, _ = workload.Installed(all)
	all = withoutOwned(all)
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

// sort separates the nodes from what they need.
func (d *draft) sort() {
	d.nodes, d.others = nil, nil
	var pods []*manifest.Workload
	all := d.all()
	for _, o := range all.Documents {
		switch w := o.Workload(); {
		case w == nil || !runs(w.Kind):
		case erlang(all, w) != "":
			d.nodes = append(d.nodes, w)
		case w.Kind == "Pod":
			pods = append(pods, w)
		default:
			d.others = append(d.others, w)
		}
	}
	if len(d.nodes)+len(d.others) == 0 {
		d.others = pods // else they may be tools, or the tests of a chart
	}
}

// choose is sort where there must be nodes. The only workload is one, although it does not mention Erlang.
func (d *draft) choose() error {
	d.sort()
	var have []string
	for _, o := range d.all().Documents {
		have = append(have, o.String())
	}
	switch n := len(d.others); {
	case len(have) == 0:
		return errors.New("there are no manifests, only profiles: name what has them, a folder or files")
	case len(d.nodes) > 0:
	case n == 1:
		d.nodes, d.others = d.others, nil
	case n == 0 && len(d.custom()) > 0:
		return exitcode.With(exitcode.Unknown, fmt.Errorf("nothing here can be judged: %s", strings.Join(d.custom(), "; ")))
	case n == 0:
		return fmt.Errorf("the manifests contain no %s, so no pod would run; they contain %s", profile.Runners, strings.Join(have, ", "))
	default:
		return fmt.Errorf("which of %s is the application? None of them mentions Erlang (a port epmd or 4369, a variable such as RELEASE_COOKIE, -setcookie): pass the file of the application", list(d.others))
	}
	return nil
}

// share decides which files are required. It is an error if one file contains both sorts.
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
			return fmt.Errorf("%s contains %s, which belongs to the nodes of the cluster, and %s, which is no node and belongs in spec.requires: %s", f.name, node, other, d.apart(node, other))
		default:
			d.before = append(d.before, f.name)
			d.why["requires"] = other + " does not mention Erlang"
		}
	}
	if len(d.before) > 0 {
		d.whole = ""
	}
	return nil
}

// apart says how to get node, and other, which is no node, into different files.
func (d *draft) apart(node, other string) string {
	if d.command == nil {
		return "move " + other + " into a file of its own"
	}
	into := " -o NEW" // kustomize's own
	if d.command[0] == "helm" {
		into = " --output-dir NEW"
	}
	return "let the command write files (" + strings.Join(d.command, " ") + into + "), and use the folder that contains " + node
}

// among reports whether an object is one of the workloads.
func among(all []*manifest.Workload, o *manifest.Document) bool {
	return slices.ContainsFunc(all, func(w *manifest.Workload) bool { return w.String() == o.String() })
}

// isOther reports whether an object is one that the nodes need, or belongs to one: it must be created before them.
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

// relative is a path relative to the profile's folder.
func (d *draft) relative(path string) string {
	from, err1 := filepath.Abs(d.dir)
	to, err2 := filepath.Abs(path)
	if rel, err := filepath.Rel(from, to); err1 == nil && err2 == nil && err == nil {
		return rel
	}
	return path
}
