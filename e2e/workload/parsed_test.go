package workload

import (
	"testing"

	"meshproof.dev/meshproof/e2e/manifest"
)

// parsed are the objects of a text.
func parsed(t *testing.T, text string) *manifest.Set {
	t.Helper()
	s, err := manifest.Rendered([]byte(text)).Parse()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// yamlOf makes text of what a rendering gives: yamlOf(t)(w.Render("", nil)).
func yamlOf(t *testing.T) func(*manifest.Set, error) string {
	return func(s *manifest.Set, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		y, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		return string(y)
	}
}
