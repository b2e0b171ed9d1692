package workload

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// What several mutants share stands once, under fixtures/shapes.
func TestNoFileOfTheMutantsIsThereTwice(t *testing.T) {
	first := map[[sha256.Size]byte]string{}
	for _, folder := range []string{"mutants", "shapes"} {
		err := filepath.WalkDir(filepath.Join("../../fixtures", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			sum := sha256.Sum256(data)
			if other := first[sum]; other != "" {
				t.Errorf("%s and %s are the same: make a component of it under fixtures/shapes", other, path)
			}
			first[sum] = path
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryShapeIsUsed(t *testing.T) {
	used := map[string]int{}
	for _, name := range Names("../../fixtures", "mutants") {
		m, _, _, err := LoadMutant("../../fixtures", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, shape := range slices.Concat(m.Spec.Shape.Components, m.Spec.Break.Components) {
			used[shape]++
		}
	}
	for _, shape := range Names("../../fixtures", "shapes") {
		if used[shape] < 2 {
			t.Errorf("fixtures/shapes/%s is named by %d mutants: it is for what several share", shape, used[shape])
		}
	}
}

// The odd pod of a component and the mutant's own patch on it are both there, the patch in the broken one only.
func TestAShapeIsAppliedBeforeTheBreak(t *testing.T) {
	_, broken, reversed, err := LoadMutant("../../fixtures", "hidden-node")
	if err != nil {
		t.Fatal(err)
	}
	for w, hidden := range map[*Workload]bool{broken: true, reversed: false} {
		objects, err := w.Render("", nil)
		if err != nil {
			t.Fatal(err)
		}
		y, err := objects.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if s := string(y); !strings.Contains(s, "name: derl-odd") || !strings.Contains(s, "replicas: 2") || strings.Contains(s, "-hidden") != hidden {
			t.Errorf("%s:\n%s", w.Name(), s)
		}
	}
}

func TestAnUnknownShapeIsRefused(t *testing.T) {
	fixtures := t.TempDir()
	for path, text := range map[string]string{
		"mutants/m/mutant.yaml":             "apiVersion: meshproof.dev/v1alpha1\nkind: Mutant\nmetadata: {name: m}\nspec:\n  base: b\n  why: w\n  break: {components: [od-pod]}\n  expect: [{check: a/b, diagnosis: c}]\n",
		"shapes/odd-pod/kustomization.yaml": "kind: Component\n",
	} {
		path = filepath.Join(fixtures, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, _, err := LoadMutant(fixtures, "m")
	if err == nil || exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), `mutant.yaml: no shape "od-pod": it must be one of odd-pod`) {
		t.Errorf("%v", err)
	}
}
