package draft

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"

	"meshproof.dev/meshproof/e2e/manifest"
)

// origins finds where each rendered object is from: the object in the file of the resource, or the kustomization that generates it.
func (l *local) origins(m resmap.ResMap, top *copied) {
	parsed := map[string]*manifest.Set{}
	for _, r := range m.Resources() {
		l.origs = append(l.origs, l.originOf(r, top, parsed))
	}
}

func (l *local) originOf(r *resource.Resource, top *copied, parsed map[string]*manifest.Set) *manifest.Document {
	o, err := r.GetOrigin()
	if err != nil || o == nil {
		return nil
	}
	from := o.Path
	if from == "" {
		from = o.ConfiguredIn
	}
	file := l.real[path.Join(top.name, from)]
	if file == "" {
		return nil
	}
	kind, name, shownAs := r.GetKind(), r.GetName(), fromHere(file)
	if parsed[file] == nil {
		parsed[file] = objectsOf(file, shownAs, o.Path != "")
	}
	// kustomize may have put something before and behind the name.
	var best *manifest.Document
	for _, d := range parsed[file].Documents {
		if d.Kind == kind && strings.Contains(name, d.Name) && (best == nil || len(d.Name) > len(best.Name)) {
			best = d
		}
	}
	if best != nil {
		return best
	}
	text, err := json.Marshal(map[string]any{"kind": kind, "metadata": map[string]any{"name": name}})
	if err != nil {
		return nil
	}
	d, err := manifest.FromRecording(text, shownAs, nil)
	if err != nil {
		return nil
	}
	return d
}

// objectsOf are the objects of a file of resources; none where it is another file, or cannot be read as they.
func objectsOf(file, shownAs string, resources bool) *manifest.Set {
	if data, err := os.ReadFile(file); err == nil && resources {
		if all, broken := manifest.FromFile(shownAs, data).Parse(); broken == nil {
			return all
		}
	}
	return &manifest.Set{}
}

// fromHere is a path from the working folder where it is below that, else as it is.
func fromHere(file string) string {
	here, err := resolved(".")
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(here, file)
	if err != nil || strings.HasPrefix(rel, "..") {
		return file
	}
	return rel
}

// addRendered adds what was rendered of the kustomization in dir, each object with its place in the files.
func (d *draft) addRendered(l *local, dir string) error {
	in := manifest.FromFile("the kustomization in "+shown(dir)+" as rendered", l.text)
	in.Stream = true
	return d.addAll(in, func(all *manifest.Set) {
		if len(all.Documents) != len(l.origs) {
			return
		}
		for i, o := range l.origs {
			if o != nil {
				all.Documents[i].Locate(o)
			}
		}
	})
}

// modern replaces fields that kustomize warns of on the terminal by those that it recommends, as "kustomize edit fix" does.
func modern(fields map[string]any) {
	join := func(to, from string, change func(any) any) {
		list, is := fields[from].([]any)
		if !is {
			return
		}
		all, _ := fields[to].([]any)
		var more []any
		for _, v := range list {
			more = append(more, change(v))
		}
		if from == "patchesStrategicMerge" { // kustomize applies them before the others
			fields[to] = append(more, all...)
		} else {
			fields[to] = append(all, more...)
		}
		delete(fields, from)
	}
	same := func(v any) any { return v }
	join("resources", "bases", same)
	join("patches", "patchesStrategicMerge", func(v any) any { return map[string]any{"path": fmt.Sprint(v)} })
	join("patches", "patchesJson6902", same)
	if pairs, is := fields["commonLabels"].(map[string]any); is && fields["labels"] == nil {
		fields["labels"] = []any{map[string]any{"pairs": pairs, "includeSelectors": true}}
		delete(fields, "commonLabels")
	}
}
