package workload

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/profile"
)

// Stdin is the path that stands for what is read from the standard input.
const Stdin = "-"

// saysProfile is what only a profile has in its text.
var saysProfile = regexp.MustCompile(`(?m)^(apiVersion:.*meshproof\.dev|kind:\s*["']?Profile\b)`)

// Plain reports whether a path is manifests rather than a profile: the standard input, a folder without a profile.yaml, a file
// that says nothing of one. A name among the fixtures, and what is not there, is a profile's to miss.
func (l Loader) Plain(nameOrPath string) bool {
	if nameOrPath == Stdin {
		return true
	}
	path, err := locate(l.Fixtures, nameOrPath)
	if err != nil {
		st, e := os.Stat(nameOrPath)
		return e == nil && st.IsDir()
	}
	data, err := os.ReadFile(path)
	return err == nil && !saysProfile.Match(data)
}

// LoadPlain reads manifests that no profile speaks of: a file, a folder, or [Stdin], which is read from in. The workloads that
// speak of Erlang are the nodes, else the only one there is; those that do not mean to be one cluster are a workload of
// their own each, beside the objects that all have in common. Their notes say which, and from what that was told. It is for
// judging what manifests alone decide: nothing says which Secret holds the cookie.
func (l Loader) LoadPlain(ctx context.Context, path string, in io.Reader) (all []*Workload, err error) {
	defer func() { err = exitcode.With(exitcode.Usage, err) }()
	d := &draft{dir: "."}
	if path == Stdin {
		var data []byte
		if data, err = io.ReadAll(in); err == nil {
			err = d.add(source{"the standard input", func(n int) string { return fmt.Sprintf("line %d of the standard input", n) }, data})
		}
	} else {
		var st os.FileInfo
		if st, err = os.Stat(path); err == nil {
			err = d.read(ctx, path, st.IsDir(), l.limit())
		}
	}
	if err == nil {
		err = d.choose()
	}
	if err != nil {
		return nil, err
	}
	for _, nodes := range d.clusters() {
		w, err := d.plain(path, nodes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, w)
	}
	return all, nil
}

// plain is one of the clusters.
func (d *draft) plain(path string, nodes []map[string]any) (*Workload, error) {
	others := slices.Clone(d.others)
	for _, o := range d.nodes {
		if !among(nodes, o) {
			others = append(others, o)
		}
	}
	stream, err := d.stream(nodes, others)
	if err != nil {
		return nil, err
	}
	p := &profile.Profile{Metadata: profile.Metadata{Name: text(dict(nodes[0]["metadata"])["name"])}}
	if slices.ContainsFunc(nodes, func(o map[string]any) bool { return o["kind"] == "DaemonSet" }) {
		p.Spec.Nodes = 2 // on how many nodes of Kubernetes it will run nobody says; it is made for several
	}
	w := &Workload{Profile: p, Dir: filepath.Dir(path), File: path, sources: []source{fileSource(path, stream)}}
	if _, _, _, err = w.resolve(); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		why := erlang(n)
		if why == "" {
			why = "it is the only workload there is; nothing in it speaks of Erlang"
		}
		w.notes = append(w.notes, fmt.Sprintf("%s is taken for the nodes: %s", named(n), why))
	}
	for _, o := range others {
		why := "is left out: nothing in it speaks of Erlang"
		if among(d.nodes, o) {
			why = "is judged as a cluster of its own: no Service selects its pods and these"
		}
		w.notes = append(w.notes, named(o)+" "+why)
	}
	if w.Resolved.Replicas() == 1 {
		w.Resolved.Expect.Topology = profile.NoMesh
		w.notes = append(w.notes, "one replica is no cluster: what only peers need is not judged")
	}
	return w, nil
}

// stream is all objects but those that are there for others than the nodes, as one YAML stream.
func (d *draft) stream(nodes, others []map[string]any) ([]byte, error) {
	var b strings.Builder
	for _, f := range d.files {
		for _, o := range f.objects {
			if d.theirs(o, nodes, others) {
				continue
			}
			y, err := sigsyaml.Marshal(o)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			b.WriteString("---\n")
			b.Write(y)
		}
	}
	return []byte(b.String()), nil
}
