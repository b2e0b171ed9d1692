package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Position is where a field, or a whole object, stands.
type Position struct {
	// File is the file as it was given to [Parse]; for what helm printed it is the template that its comment "# Source:"
	// names, seen from the folder above the chart; "" for what stands in no file.
	File string
	// Line counts from 1, 0 is not known. It is a line of File, unless Rendered.
	Line int
	// Rendered tells that the line is one of the rendered stream: File is the template which that was made from, and its
	// own lines are others.
	Rendered bool
}

// String is "FILE:LINE", as editors and compilers have it; of a template it is the file alone, since its line is not known.
func (p Position) String() string {
	if p.File == "" || p.Line == 0 || p.Rendered {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Lines are the lines of an object's fields by their dotted path ([Path]); "" is the object itself. A field that is absent
// stands in the line of what it is part of, so that the map stays short.
type Lines map[string]int

// Path is the dotted form of a field's path: Path("spec", "containers", 0, "name") is spec.containers[0].name, and
// Path("data", "vm.args") is data["vm.args"].
func Path(path ...any) string {
	var b strings.Builder
	for _, p := range path {
		switch p := p.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", p)
		case string:
			switch {
			case !plainKey.MatchString(p):
				fmt.Fprintf(&b, "[%q]", p)
			case b.Len() > 0:
				b.WriteString("." + p)
			default:
				b.WriteString(p)
			}
		default:
			panic(fmt.Sprintf("a field's path is made of keys and indexes, not of %T", p))
		}
	}
	return b.String()
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// at is the line of a field, or of the nearest thing around it that has one.
func (l Lines) at(path ...any) int {
	for n := len(path); n >= 0; n-- {
		if line, there := l[Path(path[:n]...)]; there {
			return line
		}
	}
	return 0
}

// Position tells where a field stands: Position("spec", "replicas"). Of a field that is not there it is the place of what it
// would be part of; without a path it is that of the object.
func (d *Document) Position(path ...any) Position {
	return Position{File: d.file, Line: d.lines.at(path...), Rendered: d.rendered}
}

// At is the place of a field as messages name it, "" where it is not known. Of a stream it is the line in the stream, of which the
// reader then is told what it is.
func (d *Document) At(path ...any) string {
	if n := d.lines.at(path...); d.line != nil && n > 0 {
		return d.line(n)
	}
	return d.Position(path...).String()
}

// Lines are the lines of all fields, for a recording. There are none where they are lines of a rendered stream: nobody has
// that file.
func (d *Document) Lines() Lines {
	if d.rendered {
		return nil
	}
	return maps.Clone(d.lines)
}

// Locate gives a document the place of another: what kustomize rendered has no lines, the file it was made from has. What only
// the rendering has, and what is in a list that it has changed, is then said to stand where the next thing around it does.
func (d *Document) Locate(source *Document) {
	d.file, d.rendered, d.line = source.file, source.rendered, source.line
	d.lines = maps.Clone(source.lines)
	for _, list := range changedLists(source.Raw, d.Raw, nil) {
		maps.DeleteFunc(d.lines, func(path string, _ int) bool { return strings.HasPrefix(path, list+"[") })
	}
}

// changedLists are the paths of the lists in before that have other items in after: another number, or others by name.
func changedLists(before, after any, path []any) []string {
	var all []string
	switch before := before.(type) {
	case map[string]any:
		after, _ := after.(map[string]any)
		for k, v := range before {
			all = append(all, changedLists(v, after[k], slices.Concat(path, []any{k}))...)
		}
	case []any:
		after, _ := after.([]any)
		if !slices.EqualFunc(before, after, sameName) {
			return []string{Path(path...)}
		}
		for i, v := range before {
			all = append(all, changedLists(v, after[i], slices.Concat(path, []any{i}))...)
		}
	}
	return all
}

// sameName reports whether two items of a list go by one name, or by none.
func sameName(a, b any) bool {
	one, _ := a.(map[string]any)
	other, _ := b.(map[string]any)
	return one["name"] == other["name"]
}

// linesOf collects the lines of everything below a node.
func linesOf(root *yaml.Node) Lines {
	all := Lines{"": root.Line}
	collect(root, nil, root.Line, all)
	return all
}

func collect(n *yaml.Node, path []any, parent int, all Lines) {
	add := func(line int, value *yaml.Node, key any) {
		p := slices.Concat(path, []any{key})
		if line != parent {
			all[Path(p...)] = line
		}
		collect(value, p, line, all)
	}
	switch n.Kind {
	case yaml.AliasNode:
		collect(n.Alias, path, parent, all)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			add(item.Line, item, i)
		}
	case yaml.MappingNode:
		for key, value := range fields(n) {
			add(key.Line, value, key.Value)
		}
	}
}

// fields are the keys and values of a mapping: its own, and those that it merges (<<: *anchor) and does not have itself.
func fields(n *yaml.Node) map[*yaml.Node]*yaml.Node {
	all, said := map[*yaml.Node]*yaml.Node{}, map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() != "!!merge":
			all[key], said[key.Value] = value, true
		case value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		default:
			merged = append(merged, value)
		}
	}
	for _, m := range merged {
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		for key, value := range fields(m) {
			if !said[key.Value] {
				all[key], said[key.Value] = value, true
			}
		}
	}
	return all
}
