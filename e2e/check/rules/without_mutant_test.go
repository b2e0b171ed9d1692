package rules_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
)

// Each required or latent diagnosis has a mutant that expects it, or says why not, and never both.
func TestKillers(t *testing.T) {
	mutants, err := profile.Killers(os.DirFS("../../../fixtures/mutants"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[profile.Expect]string{}
	for why, checks := range rules.WithoutMutant() {
		for id, codes := range checks {
			for _, code := range codes {
				e := profile.Expect{Check: id, Diagnosis: code}
				if why == "" || reasons[e] != "" {
					t.Errorf("without_mutant.go: %s has no reason, or two", e)
				}
				reasons[e] = why
			}
		}
	}
	known := map[profile.Expect]bool{}
	for _, c := range rules.All() {
		for code := range c.Causes {
			e := profile.Expect{Check: c.ID, Diagnosis: code}
			known[e] = true
			if c.Level != check.Advice && (len(mutants[e]) > 0) == (reasons[e] != "") {
				t.Errorf("%s needs a mutant or a reason in without_mutant.go, one of both: mutants %q, reason %q", e, mutants[e], reasons[e])
			}
			if c.Level == check.Advice && reasons[e] != "" {
				t.Errorf("without_mutant.go: %s is advice, which is never red", e)
			}
		}
	}
	for _, e := range slices.Concat(slices.Collect(maps.Keys(mutants)), slices.Collect(maps.Keys(reasons))) {
		if !known[e] {
			t.Errorf("there is no diagnosis %s: mutants %q, reason %q", e, mutants[e], reasons[e])
		}
	}
}
