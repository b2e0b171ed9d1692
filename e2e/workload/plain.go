package workload

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/profile"
)

// Stdin is the path that stands for what is read from the standard input.
const Stdin = "-"

// saysProfile is what only a profile has in its text.
var saysProfile = regexp.MustCompile(`(?m)^(apiVersion:.*meshproof\.dev|kind:\s*["']?Profile\b)`)

// Plain tells whether a path is manifests rather than a profile: the standard input, a folder without a profile.yaml, a file
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
// speak of Erlang are the nodes, else the only one there is; notes say which, and from what that was told. It is for judging
// what manifests alone decide: nothing says which Secret holds the cookie.
func (l Loader) LoadPlain(ctx context.Context, path string, in io.Reader) (w *Workload, notes []string, err error) {
	defer func() { err = exitcode.With(exitcode.Usage, err) }()
	if l.Limit == 0 {
		l.Limit = commandLimit
	}
	d := &draft{dir: "."}
	if path == Stdin {
		var data []byte
		if data, err = io.ReadAll(in); err == nil {
			err = d.add(source{"the standard input", func(n int) string { return fmt.Sprintf("line %d of the standard input", n) }, data})
		}
	} else {
		var st os.FileInfo
		if st, err = os.Stat(path); err == nil {
			err = d.read(ctx, path, st.IsDir(), l.Limit)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if err = d.choose(); err != nil {
		return nil, nil, err
	}
	for _, n := range d.nodes {
		why := erlang(n)
		if why == "" {
			why = "it is the only workload there is; nothing in it speaks of Erlang"
		}
		notes = append(notes, fmt.Sprintf("%s is taken for the nodes: %s", named(n), why))
	}
	for _, o := range d.others {
		notes = append(notes, named(o)+" is left out: nothing in it speaks of Erlang")
	}
	stream, err := d.stream()
	if err != nil {
		return nil, nil, err
	}
	name := text(dict(d.nodes[0]["metadata"])["name"])
	w = &Workload{Profile: &profile.Profile{Metadata: profile.Metadata{Name: name}}, Dir: filepath.Dir(path), File: path, sources: []source{fileSource(path, stream)}}
	if _, _, _, err = w.resolve(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if w.Resolved.Replicas() == 1 {
		w.Resolved.Expect.Topology = profile.NoMesh
		notes = append(notes, "one replica is no cluster: what only peers need is not judged")
	}
	return w, notes, nil
}

// stream is all objects but the workloads that are no nodes and their Services, as one YAML stream.
func (d *draft) stream() ([]byte, error) {
	var b strings.Builder
	for _, f := range d.files {
		for _, o := range f.objects {
			theirs := o["kind"] == "Service" && d.selectsAny(o, d.others) && !d.selectsAny(o, d.nodes)
			if theirs || among(d.others, o) {
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
