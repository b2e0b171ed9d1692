package draft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// Plain reads manifests without a profile: a file, a folder, or [workload.Stdin], which is read from in. The nodes are the
// workloads that mention Erlang, else the only one. Workloads that are not meant to be one cluster are returned separately, each
// with the objects that all have in common. Their notes say which workloads are nodes, and why. This is for checks that need only
// manifests: it is not known which Secret contains the cookie.
func Plain(ctx context.Context, l workload.Loader, path string, in io.Reader) (all []*workload.Workload, err error) {
	defer func() { err = exitcode.With(exitcode.Usage, err) }()
	d := draft{dir: ".", where: path, lint: true}
	sets := []*draft{&d}
	if path == workload.Stdin {
		var data []byte
		const stdin = "the standard input"
		if data, err = files.All(stdin, in); err == nil {
			err = d.add(manifest.Input{Name: stdin, Line: func(n int) string { return fmt.Sprintf("line %d of the standard input", n) }, Data: data, Stream: true})
		}
	} else {
		var st os.FileInfo
		if st, err = os.Stat(path); err == nil {
			sets, err = read(d, path, st.IsDir())
		}
	}
	if err == nil {
		sets, err = pick(sets)
	}
	if err != nil {
		return nil, err
	}
	var broken []error
	where := map[*workload.Workload]string{}
	for i, d := range sets {
		if i > 0 {
			d.omitted = nil // it is said once
		}
		for _, nodes := range d.clusters() {
			if err = l.Ignores(d.all()); err != nil {
				return nil, err
			}
			w, failed := d.plain(path, nodes)
			if failed != nil {
				if !strings.HasPrefix(failed.Error(), d.where+":") {
					failed = fmt.Errorf("%s: %w", d.where, failed)
				}
				broken = append(broken, failed)
				continue
			}
			where[w] = shown(d.where)
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil, errors.Join(broken...)
	}
	// One of several does not end it, as an example that is broken on purpose would; but it is not called green either.
	for _, why := range broken {
		all[0].Unjudged = append(all[0].Unjudged, why.Error())
	}
	distinct(all, where)
	return all, nil
}

// distinct tells apart workloads of one name, which are there where one application is described in several versions.
func distinct(all []*workload.Workload, where map[*workload.Workload]string) {
	places := map[string]map[string]bool{}
	for _, w := range all {
		name := w.Profile.Metadata.Name
		if places[name] == nil {
			places[name] = map[string]bool{}
		}
		places[name][where[w]] = true
	}
	for _, w := range all {
		if name := w.Profile.Metadata.Name; len(places[name]) > 1 {
			w.Profile.Metadata.Name = name + " of " + where[w]
			w.Resolved.Name = w.Profile.Metadata.Name
		}
	}
}

// plain is one of the clusters.
func (d *draft) plain(path string, nodes []*manifest.Workload) (*workload.Workload, error) {
	others := slices.Clone(d.others)
	for _, o := range d.nodes {
		if !among(nodes, o.Document) {
			others = append(others, o)
		}
	}
	ours := &manifest.Set{}
	for _, o := range d.all().Documents {
		if !d.theirs(o, nodes, others) && (o.Kind != "Pod" || among(nodes, o)) && (o.Namespace != "kube-system" || nodes[0].Namespace == o.Namespace || d.grants(o, nodes)) {
			ours.Documents = append(ours.Documents, o)
		}
	}
	p := &profile.Profile{Metadata: profile.Metadata{Name: nodes[0].Name}}
	if slices.ContainsFunc(nodes, func(o *manifest.Workload) bool { return o.Kind == "DaemonSet" }) {
		p.Spec.Nodes = 2 // the number of Kubernetes nodes is not known; assume several
	}
	w, err := workload.FromObjects(p, path, ours)
	if err != nil {
		return nil, err
	}
	if path != workload.Stdin {
		w.Read = d.from(path)
	}
	for _, n := range nodes {
		why := erlang(d.all(), n)
		if why == "" {
			why = "it is the only workload, although it does not mention Erlang"
		}
		w.Note(fmt.Sprintf("the pods of %s are nodes: %s", n, why))
	}
	for _, o := range others {
		why := "is not judged: it does not mention Erlang"
		if among(d.nodes, o.Document) {
			why = "is judged as a separate cluster: no Service selects its pods together with these"
		}
		w.Note(o.String() + " " + why)
	}
	w.Note(d.omitted...)
	if w.Resolved.Replicas() == 1 {
		w.Resolved.Expect.Topology = profile.NoMesh
		w.Note("one replica cannot form a cluster: checks that need peers are not judged")
	}
	return w, nil
}
