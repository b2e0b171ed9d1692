package rules_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
)

// Each diagnosis of lint has its remedy, and no remedy is for one that nobody gives.
func TestRemedies(t *testing.T) {
	left := rules.Remedies()
	for _, c := range rules.All() {
		if c.Rung != check.Manifest && !c.Static {
			continue
		}
		have, want := slices.Sorted(maps.Keys(left[c.ID])), slices.Sorted(maps.Keys(c.Causes))
		if !slices.Equal(have, want) {
			t.Errorf("%s has remedies for %v, and diagnoses %v", c.ID, have, want)
		}
		for code, says := range left[c.ID] {
			if len(says) < 10 || !strings.HasSuffix(says, ".") && !strings.HasSuffix(says, "…") {
				t.Errorf("%s, %s: %q is no sentence", c.ID, code, says)
			}
		}
		delete(left, c.ID)
	}
	if len(left) > 0 {
		t.Errorf("there are no such checks: %v", left)
	}
}
