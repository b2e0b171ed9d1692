package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// Input is text that holds manifests: a file, what a command printed, the standard input.
type Input struct {
	Name string             // of all of it, in messages; of a file its path
	Line func(n int) string // names one line of it in messages; nil where lines mean nothing to the reader
	Data []byte
	// Stream tells that this is no file: its documents stand in none, but for those for which helm names a template.
	Stream bool
}

// FromFile is an input that stands in a file, whose lines are "PATH:LINE" in messages.
func FromFile(path string, data []byte) Input {
	return Input{path, func(n int) string { return fmt.Sprintf("%s:%d", path, n) }, data, false}
}

// Rendered is a stream that the reader has never seen: errors name its objects by their number.
func Rendered(data []byte) Input { return Input{Name: "the manifests", Data: data, Stream: true} }

// Parse reads the manifests of a file. See [Input.Parse].
func Parse(file string, data []byte) (*Set, error) { return FromFile(file, data).Parse() }

// Parse reads every document of the input. Lists are opened (kind: List, and PodList and the like), empty documents are left out.
// What is no YAML, no object, or an object without a kind is an error that names the place.
func (in Input) Parse() (*Set, error) {
	s := &Set{}
	d := yaml.NewDecoder(bytes.NewReader(in.Data))
	text := bytes.Split(in.Data, []byte("\n"))
	for n := 0; ; n++ {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return nil, fmt.Errorf("%s: no object is in it", in.Name)
			}
			return s, nil
		}
		if err != nil {
			return nil, in.broken(n, err)
		}
		root := doc.Content[0]
		switch {
		case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
			continue
		case root.Kind == yaml.SequenceNode:
			return nil, fmt.Errorf("%s: this is not a Kubernetes object but a list: write its items as documents, with --- between them", in.at(root.Line))
		case root.Kind != yaml.MappingNode:
			return nil, fmt.Errorf("%s: this is not a Kubernetes object but text: %q", in.at(root.Line), Start(root.Value))
		}
		// Twice the same key in a mapping, and an alias that grows without end, are found here only.
		if err = doc.Decode(new(map[string]any)); err != nil {
			return nil, in.broken(n, err)
		}
		made := template(text, root.Line)
		if err = s.add(in, root, made); err != nil {
			return nil, err
		}
	}
}

// at names a line.
func (in Input) at(line int) string {
	if in.Line == nil {
		return in.Name
	}
	return in.Line(line)
}

// broken is an error of the YAML decoder about the nth document.
func (in Input) broken(n int, err error) error {
	if in.Line == nil {
		return fmt.Errorf("object %d of %s: %w", n+1, in.Name, err)
	}
	return YAMLError(in.Name, in.Line, in.Data, err)
}

// add reads one document.
func (s *Set) add(in Input, root *yaml.Node, made string) error {
	y, err := yaml.Marshal(root)
	var j []byte
	if err == nil {
		// As kubectl and the API server read YAML: 0400 is a number of base eight, yes is true.
		j, err = sigsyaml.YAMLToJSON(y)
	}
	var raw map[string]any
	if err == nil {
		err = utiljson.Unmarshal(j, &raw)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", in.at(root.Line), err)
	}
	return s.object(in, root, raw, made)
}

// object adds an object, or the items of a list.
func (s *Set) object(in Input, root *yaml.Node, raw map[string]any, made string) error {
	d := document(raw)
	if d.Kind == "" {
		return fmt.Errorf("%s: this is not a Kubernetes object: it has no kind", in.at(root.Line))
	}
	if items, is := raw["items"].([]any); is && strings.HasSuffix(d.Kind, "List") {
		return s.open(in, d, items, value(root, "items"), made)
	}
	d.file, d.lines, d.rendered, d.line = made, linesOf(root), in.Stream || made != "", in.Line
	if made == "" && !in.Stream {
		d.file = in.Name
	}
	s.Documents = append(s.Documents, d)
	return nil
}

// open adds the items of a list. In a DeploymentList they need not say what they are.
func (s *Set) open(in Input, list *Document, items []any, nodes *yaml.Node, made string) error {
	for i, item := range items {
		root := nodes
		if nodes.Kind == yaml.SequenceNode && i < len(nodes.Content) {
			root = nodes.Content[i]
		}
		if root.Kind == yaml.AliasNode {
			root = root.Alias
		}
		raw, is := item.(map[string]any)
		if !is {
			return fmt.Errorf("%s: this is not a Kubernetes object but text: %q", in.at(root.Line), Start(root.Value))
		}
		if kind := strings.TrimSuffix(list.Kind, "List"); kind != "" && raw["kind"] == nil {
			raw["kind"] = kind
			if raw["apiVersion"] == nil {
				raw["apiVersion"] = list.APIVersion
			}
		}
		if err := s.object(in, root, raw, made); err != nil {
			return err
		}
	}
	return nil
}

// value is what stands under a key of a mapping, nil where it has no such key.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// template is the file that helm names in a comment above an object, "" where there is none.
func template(text [][]byte, line int) string {
	for n := line - 2; n >= 0 && n < len(text); n-- {
		l := strings.TrimSpace(string(text[n]))
		if file, is := strings.CutPrefix(l, "# Source: "); is {
			return file
		}
		if l != "" && !strings.HasPrefix(l, "#") {
			return ""
		}
	}
	return ""
}

// FromRecording is a document from an object as a recording holds it: JSON, and the place that was recorded with it, if any.
func FromRecording(object []byte, file string, lines Lines) (*Document, error) {
	d, err := FromJSON(object)
	if err != nil {
		return nil, err
	}
	d.file, d.lines, d.rendered = file, lines, lines == nil
	return d, nil
}

// FromJSON is a document that stands in no file, as JSON.
func FromJSON(object []byte) (*Document, error) {
	var raw map[string]any
	if err := utiljson.Unmarshal(object, &raw); err != nil {
		return nil, err
	}
	return document(raw), nil
}

// With is a document with another content at the same place.
func (d *Document) With(raw map[string]any) *Document {
	changed := document(raw)
	changed.Locate(d)
	return changed
}

// Copy is the content of a document, to be changed.
func (d *Document) Copy() map[string]any { return runtime.DeepCopyJSON(d.Raw) }

// YAML is all documents as one stream.
func (s *Set) YAML() ([]byte, error) {
	var b bytes.Buffer
	for _, d := range s.Documents {
		y, err := sigsyaml.Marshal(d.Raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		b.WriteString("---\n")
		b.Write(y)
	}
	return b.Bytes(), nil
}

// document is an object without its place.
func document(raw map[string]any) *Document {
	d := &Document{Raw: raw}
	d.APIVersion, _ = raw["apiVersion"].(string)
	d.Kind, _ = raw["kind"].(string)
	if meta, is := raw["metadata"].(map[string]any); is {
		d.Name, _ = meta["name"].(string)
		d.Namespace, _ = meta["namespace"].(string)
	}
	if o := typeOf(d.APIVersion, d.Kind); o != nil {
		d.Object = o
		var j []byte
		if j, d.Err = utiljson.Marshal(raw); d.Err == nil {
			d.Err = fieldError(raw, utiljson.Unmarshal(j, o))
		}
	}
	return d
}

// Start is the beginning of a text that may be long, for a message.
func Start(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
