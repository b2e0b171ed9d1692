package rules_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/scenario"
)

var idForm = regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)

func TestRegistry(t *testing.T) {
	all := rules.All()
	place := map[string]int{}
	for i, c := range all {
		if _, twice := place[c.ID]; twice {
			t.Errorf("%s is there twice", c.ID)
		}
		place[c.ID] = i
	}
	for i, c := range all {
		if rung, _, _ := strings.Cut(c.ID, "/"); rung != string(c.Rung) {
			t.Errorf("%s is on the rung %s: a check belongs to one group, which both name", c.ID, c.Rung)
		}
		if !idForm.MatchString(c.ID) {
			t.Errorf("%s is not of the form rung/words", c.ID)
		}
		for what, s := range map[string]string{"title": c.Title, "why": c.Why, "source": c.Source, "rung": string(c.Rung), "level": string(c.Level)} {
			if s == "" {
				t.Errorf("%s has no %s", c.ID, what)
			}
		}
		if !slices.Contains(append(scenario.Names(), recording.Inspect), c.Scenario) {
			t.Errorf("%s is judged on scenario %q", c.ID, c.Scenario)
		}
		if c.Judge == nil || len(c.Causes) == 0 {
			t.Errorf("%s has no judge or no diagnosis", c.ID)
		}
		for code, ids := range c.Causes {
			for _, id := range ids {
				// What explains comes first: the judge goes through the checks once.
				if j, there := place[id]; !there || j <= i {
					t.Errorf("%s: diagnosis %s explains %s, which does not come after it", c.ID, code, id)
				}
			}
		}
	}
}

// Nobody was there to look: no check may pass, fail or be silent about it.
func TestNothingSeen(t *testing.T) {
	for _, c := range rules.All() {
		if c.ID == "console/commands-work" || c.ID == "application/agrees" {
			continue // what there is to run or to ask stands in the profile; their trials have it
		}
		s := rt.Formation(3)
		s.Events = nil
		edit(s, func(p *profile.Resolved) {
			p.Budgets.Phases = map[string]profile.Duration{profile.NodeDown: profile.Duration(1)} // else there is nothing to see
		})
		found := c.Judge(fold(t, s))
		if len(found) == 0 {
			t.Errorf("%s says nothing", c.ID)
		}
		for _, f := range found {
			if f.Outcome != check.Unseen || f.Message == "" {
				t.Errorf("%s: %s: %s %s %q, wanted unseen and why", c.ID, f.Subject, f.Outcome, f.Code, f.Message)
			}
		}
	}
}

// A check is in the file that is named as its id, its trials in the one beside it, and no other file is here.
func TestEachCheckHasItsFiles(t *testing.T) {
	// These hold no check, nor the trials of one. Files that begin with changes_ are those
	// from which the recordings of several trials are made.
	notChecks := []string{"all.go", "doc.go", "without_mutant.go", "inspected.go", "remedies.go", "remedies_test.go", "manifest_accepted_pod.go", "all_test.go", "bench_test.go", "oddities_manifests_test.go", "oddities_test.go", "search_test.go", "trail.go",
		"one_red_test.go", "topologies_test.go", "coverage_test.go", "removed_test.go", "first_look_test.go", "trial_test.go", "without_mutant_test.go"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, e := range entries {
		if name := e.Name(); !slices.Contains(notChecks, name) && !strings.HasPrefix(name, "changes_") {
			left[name] = true
		}
	}
	for _, c := range rules.All() {
		name := strings.NewReplacer("/", "_", "-", "_").Replace(c.ID)
		for file, says := range map[string]string{name + ".go": "ID: " + strconv.Quote(c.ID), name + "_test.go": "try(t, " + strconv.Quote(c.ID)} {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			if !regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(says) + `,`).Match(text) {
				t.Errorf("%s does not say %s", file, says)
			}
			if n := len(regexp.MustCompile(`(?m)^\s+(ID: "|try\(t, ")`).FindAll(text, -1)); n != 1 {
				t.Errorf("%s is of %d checks", file, n)
			}
			delete(left, file)
		}
	}
	for file := range left {
		t.Errorf("%s is no check's, and not in the list of others", file)
	}
}
