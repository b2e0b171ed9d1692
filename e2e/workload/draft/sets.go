package draft

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
)

// split divides files into those that can be deployed together: all of them, or where an object occurs in two of them, those of
// each folder by itself, as with one for each environment. What lies beside such folders and runs nothing, a Namespace or a role,
// belongs to each.
func split(dir string, all []drafted) [][]drafted {
	if len(all) == 0 {
		return nil
	}
	if !twice(all) {
		return [][]drafted{all}
	}
	var own, shared []drafted
	var folders []string
	in := map[string][]drafted{}
	for _, f := range all {
		rel, err := filepath.Rel(dir, f.name)
		first, _, below := strings.Cut(rel, string(filepath.Separator))
		switch {
		case err == nil && below:
			if in[first] == nil {
				folders = append(folders, first)
			}
			in[first] = append(in[first], f)
		case len(f.objects.Workloads()) == 0 && len(all) > 1:
			shared = append(shared, f)
		default:
			own = append(own, f)
		}
	}
	var sets [][]drafted
	for _, first := range folders {
		for _, set := range split(filepath.Join(dir, first), in[first]) {
			sets = append(sets, withRest(set, shared))
		}
	}
	if len(sets)+len(own) == 0 {
		own, shared = shared, nil
	}
	for len(own) > 0 {
		set := withRest([]drafted{own[0]}, own[1:])
		own = slices.DeleteFunc(own, func(f drafted) bool {
			return slices.ContainsFunc(set, func(s drafted) bool { return s.name == f.name })
		})
		sets = append(sets, withRest(set, shared))
	}
	return sets
}

// withRest adds those of the rest that have no object which the set has already.
func withRest(set, rest []drafted) []drafted {
	for _, f := range rest {
		if !twice(append(set[:len(set):len(set)], f)) {
			set = append(set[:len(set):len(set)], f)
		}
	}
	return set
}

// twice reports whether an object occurs in two of the files.
func twice(all []drafted) bool {
	first := map[string]string{} // the file that has it
	for _, f := range all {
		for _, o := range f.objects.Documents {
			group, _, _ := strings.Cut(o.APIVersion, "/")
			id := group + " " + o.Kind + " " + o.Namespace + " " + o.Name
			if first[id] != "" && first[id] != f.name {
				return true
			}
			first[id] = f.name
		}
	}
	return false
}

// folderOf is the folder that has all of the files that run something, or the one file.
func folderOf(all []drafted) string {
	var paths []string
	for _, f := range all {
		if len(f.objects.Workloads()) > 0 {
			paths = append(paths, f.name)
		}
	}
	if len(paths) == 1 {
		return paths[0]
	}
	dir := filepath.Dir(all[0].name)
	for _, p := range paths {
		for !strings.HasPrefix(p, dir+string(filepath.Separator)) && dir != "." && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
		}
	}
	return dir
}

// pick returns the sets that have nodes. Where none mentions Erlang, the only workload of all is meant.
func pick(sets []*draft) ([]*draft, error) {
	var with, without []*draft
	whole := &draft{}
	for _, d := range sets {
		whole.files = append(whole.files, d.files...)
		switch d.sort(); {
		case len(d.nodes) > 0:
			with = append(with, d)
		case len(d.others) > 0:
			without = append(without, d)
		}
	}
	switch {
	case len(with) > 0:
		with[0].omitted = append(with[0].omitted, whole.custom()...)
		for _, d := range without {
			with[0].omitted = append(with[0].omitted, fmt.Sprintf("not judged: %s, because nothing there mentions Erlang (%s)", shown(d.where), list(d.others)))
		}
		return with, nil
	case len(sets) == 1:
		without = sets
	case len(without) != 1 || len(without[0].others) != 1:
		without = []*draft{whole}
	}
	err := without[0].choose()
	for _, line := range sets[0].omitted {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, line)
		}
	}
	if err != nil && sets[0].lacks() {
		err = exitcode.With(sets[0].unrendered(), err)
	}
	return without, err
}

// only is the set from which a profile is written.
func only(sets []*draft) (*draft, error) {
	if len(sets) == 1 {
		return sets[0], nil
	}
	var names []string
	for _, d := range sets {
		names = append(names, fmt.Sprintf("%s (%s)", shown(d.where), list(d.nodes)))
	}
	return nil, errors.New("several applications, or one in several versions, are here: name one of " + strings.Join(names, ", "))
}

// list names workloads, the first of many.
func list(all []*manifest.Workload) string {
	var names []string
	for i, w := range all {
		if i == mostNamed {
			names = append(names, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		names = append(names, w.String())
	}
	return strings.Join(names, ", ")
}
