package profile

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Text is one value of a profile's or a mutant's file.
type Text struct {
	At    string // "FILE:LINE"
	Key   string // "spec.console[0].run[1]"
	Value string
}

// Texts are all values in the profile's file. Somebody wrote there what they liked.
func (p *Profile) Texts() []Text { return values(p.file, p.root) }

// Texts are all values in the mutant's file.
func (m *Mutant) Texts() []Text { return values(m.file, m.root) }

func values(file string, root *yaml.Node) (all []Text) {
	if root == nil {
		return nil
	}
	var add func(n *yaml.Node, key string)
	add = func(n *yaml.Node, key string) {
		n = target(n)
		switch n.Kind {
		case yaml.ScalarNode:
			all = append(all, Text{fmt.Sprintf("%s:%d", file, n.Line), key, n.Value})
		case yaml.SequenceNode:
			for i, item := range n.Content {
				add(item, fmt.Sprintf("%s[%d]", key, i))
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				add(n.Content[i+1], place{key: key}.in(n.Content[i].Value))
			}
		}
	}
	add(root, "")
	return all
}
