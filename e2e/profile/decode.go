package profile

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Decode reads a profile file strictly. path is used in errors only.
func Decode(path string, data []byte) (*Profile, error) {
	var p Profile
	root, err := strict(path, data, "Profile", &p)
	if err != nil {
		return nil, err
	}
	p.file, p.root = path, root
	return &p, p.check()
}

// maxAgree is how many questions of expect.agree a profile may have: each is asked of each node.
const maxAgree = 8

// check finds the mistakes that the types of the fields do not exclude.
func (p *Profile) check() error {
	first := map[string]int{}
	for i, im := range p.Spec.Images {
		if j, twice := first[im.Name]; twice {
			return fmt.Errorf("%s: spec.images[%d] names image %q again; spec.images[%d] is the first: remove one of them", p.At("spec", "images", i), i, im.Name, j)
		}
		first[im.Name] = i
	}
	asked := map[string]bool{}
	for i, q := range p.Spec.Expect.Agree {
		if asked[q.Name] || len(q.Name) > 100 {
			return fmt.Errorf("%s: spec.expect.agree[%d].name is %.110q; it must be another name for each, of at most 100 characters", p.At("spec", "expect", "agree", i, "name"), i, q.Name)
		}
		asked[q.Name] = true
	}
	if n := len(p.Spec.Expect.Agree); n > maxAgree {
		return fmt.Errorf("%s: spec.expect.agree has %d questions; at most %d are asked", p.At("spec", "expect", "agree"), n, maxAgree)
	}
	for _, id := range slices.Sorted(maps.Keys(p.Spec.Waive)) {
		if _, both := p.Spec.Skip[id]; both {
			return fmt.Errorf("%s: check %s is both skipped and waived: a skipped check needs no waiver; remove one of them", p.At("spec", "waive", id), id)
		}
	}
	return nil
}

// CheckIDs returns an error if the profile skips or waives a check that is not among ids: a misspelt id would skip nothing.
func (p *Profile) CheckIDs(ids []string) error {
	for _, x := range []struct {
		key  string
		said map[string]string
	}{{"skip", p.Spec.Skip}, {"waive", p.Spec.Waive}} {
		for _, id := range slices.Sorted(maps.Keys(x.said)) {
			if !slices.Contains(ids, id) {
				return fmt.Errorf("%s: spec.%s: unknown check %q%s (meshproof checks lists all checks)", p.At("spec", x.key, id), x.key, id, Meant(id, ids))
			}
		}
	}
	return nil
}

// At is the place in the profile's file, "FILE:LINE", of the value that the keys and list indexes lead to. If the profile does
// not set it, it is the place of the mapping to which the key would belong.
func (p *Profile) At(keys ...any) string {
	if p.root == nil {
		return "profile " + p.Metadata.Name
	}
	n, line := p.root, p.root.Line
	for _, key := range keys {
		next, at := child(n, key)
		if next == nil {
			break
		}
		n, line = next, at
	}
	return fmt.Sprintf("%s:%d", p.file, line)
}

// child is the value under a key or an index, and the line where it begins; nil if there is none.
func child(n *yaml.Node, key any) (*yaml.Node, int) {
	n = target(n)
	switch key := key.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && key < len(n.Content) {
			return n.Content[key], n.Content[key].Line
		}
	case string:
		if n.Kind != yaml.MappingNode {
			return nil, 0
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1], n.Content[i].Line
			}
		}
	}
	return nil, 0
}

// target is the node that an alias refers to.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}
