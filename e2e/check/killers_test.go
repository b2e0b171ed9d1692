package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
)

const mutants = "../../fixtures/mutants"

// Each required or latent check has a killer or says why not; what the table says is so.
func TestKillers(t *testing.T) {
	killers := check.Killers()
	known := map[string]bool{}
	for _, c := range check.All() {
		for code := range c.Causes {
			key := c.ID + " " + code
			known[key] = true
			if _, there := killers[key]; !there && c.Level != check.Advice {
				t.Errorf("%s has neither a mutant nor a reason in killers.go", key)
			}
		}
	}
	for key, k := range killers {
		id, code, _ := strings.Cut(key, " ")
		if !known[key] {
			t.Errorf("killers.go: there is no check %s with a diagnosis %q", id, code)
		}
		if (k.Mutant == "") == (k.Trial == "") {
			t.Errorf("killers.go: %s needs a mutant or a reason, one of both: %+v", key, k)
		}
		if k.Mutant != "" && !expects(t, k.Mutant, id, code) {
			t.Errorf("killers.go: mutant %s does not expect %s", k.Mutant, key)
		}
	}
}

// A mutant that is there is in the table: nobody reads that something is not built when it is.
func TestMutantsAreKillers(t *testing.T) {
	entries, err := os.ReadDir(mutants)
	if err != nil {
		t.Fatal(err)
	}
	killers := check.Killers()
	for _, e := range entries {
		for _, x := range decode(t, e.Name()).Spec.Expect {
			if k, there := killers[x.Check+" "+x.Diagnosis]; there && k.Mutant == "" {
				t.Errorf("killers.go says of %s %s that there is only a trial (%s), but mutant %s expects it", x.Check, x.Diagnosis, k.Trial, e.Name())
			}
		}
	}
}

func expects(t *testing.T, mutant, id, code string) bool {
	t.Helper()
	for _, x := range decode(t, mutant).Spec.Expect {
		if x.Check == id && x.Diagnosis == code {
			return true
		}
	}
	return false
}

func decode(t *testing.T, mutant string) *profile.Mutant {
	t.Helper()
	path := filepath.Join(mutants, mutant, "mutant.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := profile.DecodeMutant(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
