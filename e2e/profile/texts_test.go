package profile

import (
	"slices"
	"testing"
)

// All values, whatever their kind, with the places where they begin; keys are none.
func TestTexts(t *testing.T) {
	m, err := DecodeMutant("m.yaml", []byte(`apiVersion: meshproof.dev/v1alpha1
kind: Mutant
metadata: {name: m}
spec:
  base: &b dns-a
  why: *b
  healthy: true
  injections:
    - at: full
      do: exec
      run: [sh, -c, "the cookie"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Text{
		{"m.yaml:1", "apiVersion", "meshproof.dev/v1alpha1"}, {"m.yaml:2", "kind", "Mutant"}, {"m.yaml:3", "metadata.name", "m"},
		{"m.yaml:5", "spec.base", "dns-a"}, {"m.yaml:5", "spec.why", "dns-a"}, {"m.yaml:7", "spec.healthy", "true"},
		{"m.yaml:9", "spec.injections[0].at", "full"}, {"m.yaml:10", "spec.injections[0].do", "exec"},
		{"m.yaml:11", "spec.injections[0].run[0]", "sh"}, {"m.yaml:11", "spec.injections[0].run[1]", "-c"}, {"m.yaml:11", "spec.injections[0].run[2]", "the cookie"},
	}
	if got := m.Texts(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
