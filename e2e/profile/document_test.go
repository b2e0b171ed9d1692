package profile

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

var example = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// shown adds the keys of a document to all.
func shown(n *yaml.Node, at string, all map[string]bool) {
	switch n.Kind {
	case yaml.DocumentNode:
		shown(n.Content[0], at, all)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			shown(item, at+"[]", all)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := place{key: at}.in(n.Content[i].Value)
			all[key] = true
			shown(n.Content[i+1], key, all)
		}
	}
}

// The document shows every key of a profile in an example, and every example of it is a profile.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	validate := validator(t)
	all := map[string]bool{}
	for _, m := range example.FindAllSubmatch(text, -1) {
		if _, err := Decode("docs/profile.md, example", m[1]); err != nil {
			t.Errorf("%v in\n%s", err, m[1])
		}
		if err := validate(m[1]); err != nil {
			t.Errorf("%v in\n%s", err, m[1])
		}
		var n yaml.Node
		if err := yaml.Unmarshal(m[1], &n); err != nil {
			t.Fatal(err)
		}
		shown(&n, "", all)
	}
	for _, key := range paths(reflect.TypeFor[Profile](), "") {
		if !all[key] {
			t.Errorf("docs/profile.md has no example with %s", key)
		}
	}
}
