package workload

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"gopkg.in/yaml.v3"

	"meshproof.dev/meshproof/e2e/profile"
)

// withEnv gives the containers of the application's workloads the variables: one that is there gets the other value in its
// place, since $(NAME) in those after it means it; others come first, so that all may mean them. It edits YAML, not decoded
// objects, so that nothing else is changed.
func withEnv(manifests []byte, env map[string]string) ([]byte, error) {
	if len(env) == 0 {
		return manifests, nil
	}
	return edited(manifests, func(o *yaml.Node) {
		if k := under(o, "kind"); k == nil || !profile.Runs(k.Value) {
			return
		}
		if all := under(o, "spec", "template", "spec", "containers"); all != nil {
			for _, c := range all.Content {
				setEnv(c, env)
			}
		}
	})
}

// edited is the stream with each object changed.
func edited(manifests []byte, change func(o *yaml.Node)) ([]byte, error) {
	return kept(manifests, func(o *yaml.Node) bool {
		change(o)
		return true
	})
}

// kept is the stream without the objects for which keep is false. It may change those that it keeps.
func kept(manifests []byte, keep func(o *yaml.Node) bool) ([]byte, error) {
	var out bytes.Buffer
	e, empty := yaml.NewEncoder(&out), true
	for d := yaml.NewDecoder(bytes.NewReader(manifests)); ; {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) && empty {
			return nil, nil // an encoder that was given nothing cannot be closed
		}
		if errors.Is(err, io.EOF) {
			return out.Bytes(), e.Close()
		}
		if err != nil {
			return nil, err
		}
		if !keep(doc.Content[0]) {
			continue
		}
		if err = e.Encode(&doc); err != nil {
			return nil, err
		}
		empty = false
	}
}

// under is the value that the keys lead to, nil where there is none.
func under(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		var next *yaml.Node
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == k {
				next = n.Content[i+1]
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

func setEnv(container *yaml.Node, env map[string]string) {
	if container.Kind != yaml.MappingNode {
		return
	}
	list := under(container, "env")
	switch {
	case list == nil:
		list = &yaml.Node{Kind: yaml.SequenceNode}
		container.Content = append(container.Content, scalar("env"), list)
	case list.Kind != yaml.SequenceNode: // env: with nothing below it
		*list = yaml.Node{Kind: yaml.SequenceNode}
	}
	var added []*yaml.Node
	for _, name := range sortedKeys(env) {
		v := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("name"), scalar(name), scalar("value"), scalar(env[name])}}
		at := slices.IndexFunc(list.Content, func(n *yaml.Node) bool {
			have := under(n, "name")
			return have != nil && have.Value == name
		})
		if at >= 0 {
			list.Content[at] = v
		} else {
			added = append(added, v)
		}
	}
	list.Content = append(added, list.Content...)
}

// scalar is a text, whatever it looks like: "8" is no number here.
func scalar(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// present lets nodes use the images that were brought to them: told to pull always, they would ask a registry that has none.
func present(manifests []byte, images map[string]string) ([]byte, error) {
	refs := map[string]bool{}
	for _, ref := range images {
		refs[ref] = true
	}
	if len(refs) == 0 {
		return manifests, nil
	}
	return edited(manifests, func(o *yaml.Node) { relax(o, refs) })
}

// relax changes the pull policy of all containers below n that have one of the images.
func relax(n *yaml.Node, refs map[string]bool) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && (n.Content[i-1].Value == "containers" || n.Content[i-1].Value == "initContainers") {
			for _, container := range c.Content {
				relaxOne(container, refs)
			}
		}
		relax(c, refs)
	}
}

func relaxOne(container *yaml.Node, refs map[string]bool) {
	if im := under(container, "image"); im == nil || !refs[im.Value] {
		return
	}
	if p := under(container, "imagePullPolicy"); p != nil {
		*p = *scalar("IfNotPresent")
		return
	}
	// Without a policy the tag latest means always.
	container.Content = append(container.Content, scalar("imagePullPolicy"), scalar("IfNotPresent"))
}
