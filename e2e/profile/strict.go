package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"meshproof.dev/meshproof/e2e/manifest"
)

// strict decodes one YAML document of that kind into v and returns its root. Unknown and missing keys are errors with their
// line: if a misspelt key were ignored, a check might not run and nobody would see it.
func strict(path string, data []byte, kind string, v any) (*yaml.Node, error) {
	line := func(n int) string { return fmt.Sprintf("%s:%d", path, n) }
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && empty(doc.Content[0]):
		return nil, fmt.Errorf("%s: the file is empty; it must begin with apiVersion: %s and kind: %s", path, APIVersion, kind)
	case err != nil:
		return nil, manifest.YAMLError(path, line, data, err)
	}
	root := target(doc.Content[0])
	if err = header(path, root, kind); err != nil {
		return nil, err
	}
	r := reader{path: path, root: reflect.TypeOf(v).Elem()}
	if err = r.value(root, place{t: r.root, line: root.Line}); err == nil {
		err = r.missing
	}
	if err != nil {
		return nil, err
	}
	if err = root.Decode(v); err != nil {
		return nil, manifest.YAMLError(path, line, data, err)
	}
	if err = d.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, manifest.YAMLError(path, line, data, err)
		}
		return nil, fmt.Errorf("%s: a second YAML document begins here; the file must contain one %s only", line(second.Content[0].Line), strings.ToLower(kind))
	}
	return root, nil
}

// header checks apiVersion and kind first: for a Deployment given by mistake, a list of unknown keys would not help.
func header(path string, root *yaml.Node, kind string) error {
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: the file contains %s; it must begin with apiVersion: %s and kind: %s", path, root.Line, found(root), APIVersion, kind)
	}
	for _, want := range [][2]string{{"apiVersion", APIVersion}, {"kind", kind}} {
		n, line := child(root, want[0])
		switch {
		case n == nil:
			return fmt.Errorf("%s:%d: %s is missing; this file must have %s: %s", path, root.Line, want[0], want[0], want[1])
		case target(n).Value != want[1]:
			return fmt.Errorf("%s:%d: %s is %s; this file must have %s: %s", path, line, want[0], found(target(n)), want[0], want[1])
		}
	}
	return nil
}
