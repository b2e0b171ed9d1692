package killmatrix

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

const fixtures = "../../../fixtures"

// static is what the checks that need no cluster make of a workload: the red ones with their diagnosis, and all of them.
func static(t *testing.T, w *workload.Workload) (red, all []string) {
	t.Helper()
	checks := slices.DeleteFunc(rules.All(), func(c check.Check) bool { return c.Rung != check.Manifest && !c.Static })
	for _, c := range checks {
		all = append(all, c.ID)
	}
	y, err := w.Render("ns", nil)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := workload.Objects(y, "", &secrets.Redactor{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := w.Header("formation", "ns")
	if err != nil {
		t.Fatal(err)
	}
	v, err := view.New(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		v.Apply(recording.Event{By: "run", Object: &o})
	}
	for _, r := range judge.Judge("x", []judge.Scenario{{Name: "formation", View: v}}, checks).Results {
		if r.Verdict == judge.Fail {
			red = append(red, profile.Expect{Check: r.ID, Diagnosis: r.Code}.String())
		}
	}
	return red, all
}

// onlyBefore is what the manifests alone say of a mutant; a run hears what its nodes ask for, and says it in another check.
var onlyBefore = map[string][]string{
	"service-renamed":      {"manifest/discovery-finds-peers (no-such-service)"},
	"static-other-service": {"manifest/discovery-finds-peers (other-service)"},
}

// onlyInRuns is what the manifests alone leave open: start files in the image may say otherwise, until the VM says what it refuses.
var onlyInRuns = map[string]string{"mix-release-short-names": "manifest/name-form (short-with-dots)"}

// What the manifests alone decide is decided here: a mutant turns those static checks red that it is for, and no other.
func TestMutantsOfTheManifestsAreKilledWithoutACluster(t *testing.T) {
	killed := 0
	for _, name := range workload.Names(fixtures, "mutants") {
		m, broken, reversed, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			t.Fatal(err)
		}
		red, all := static(t, broken)
		want := onlyBefore[name]
		for _, e := range m.Spec.Expect {
			if slices.Contains(all, e.Check) && onlyInRuns[name] != e.String() {
				want = append(want, e.String())
			}
		}
		killed += len(want)
		if !slices.Equal(red, want) {
			t.Errorf("%s: red is %q, want %q", name, red, want)
		}
		if reversed == nil {
			continue
		}
		if red, _ = static(t, reversed); len(red) > 0 {
			t.Errorf("%s, reversed: red is %q", name, red)
		}
	}
	if killed < 6 {
		t.Errorf("only %d mutants are for a static check", killed)
	}
	base, err := workload.Load(fixtures, "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	if red, _ := static(t, base); len(red) > 0 {
		t.Errorf("the base: red is %q", red)
	}
}

// A mutant that expects what no check says would survive, or be killed by its own misspelling.
func TestMutantsExpectChecksAndCodesThatThereAre(t *testing.T) {
	known := map[string]check.Check{}
	for _, c := range rules.All() {
		known[c.ID] = c
	}
	for _, name := range workload.Names(fixtures, "mutants") {
		m, _, _, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			t.Fatal(err)
		}
		if m.Metadata.Name != name {
			t.Errorf("the folder of %s is called %s", m.Metadata.Name, name)
		}
		for _, e := range m.Spec.Expect {
			c, is := known[e.Check]
			if _, has := c.Causes[e.Diagnosis]; !is || !has || c.Level == check.Advice {
				t.Errorf("%s: there is no %s, or it cannot be red", name, e)
			}
			if on := m.Spec.Scenarios; len(on) > 0 && !slices.ContainsFunc(c.Scenarios(), func(s recording.Scenario) bool { return slices.Contains(on, string(s)) }) {
				t.Errorf("%s: %s is judged on %s, which is left out", name, e, c.Scenario)
			}
		}
		for _, id := range m.Spec.Unknown {
			if c, is := known[id]; id != "*" && (!is || len(m.Spec.Scenarios) > 0 && !slices.Contains(m.Spec.Scenarios, string(c.Scenario))) {
				t.Errorf("%s: %s cannot be unknown", name, id)
			}
		}
		for _, e := range m.Spec.Scenarios {
			if err = scenario.Check([]scenario.Name{scenario.Name(e)}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		files, err := os.ReadDir(filepath.Join(fixtures, "mutants", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			named := slices.Concat(m.Spec.Shape.Resources, m.Spec.Shape.Patches, m.Spec.Break.Resources, m.Spec.Break.Patches, m.Spec.Rollout, m.Spec.Requires, []string{"mutant.yaml"})
			if !slices.Contains(named, f.Name()) {
				t.Errorf("%s: nobody names %s", name, f.Name())
			}
		}
	}
}

// Each mutant is green again in some row with its one condition reversed, and no two rows are the same.
func TestAReverseIsRecordedOnce(t *testing.T) {
	ws, reverse, err := workloads(fixtures, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, same := map[string]bool{}, map[string]string{}
	for _, w := range ws {
		if names[w.Name()] {
			t.Errorf("two workloads are %s: they would be recorded into one file", w.Name())
		}
		names[w.Name()] = true
		if w.Mutant != nil {
			continue
		}
		what, err := fingerprint(w)
		if err != nil {
			t.Fatal(err)
		}
		if other := same[what]; other != "" {
			t.Errorf("%s is recorded twice, as %s, too", w.Name(), other)
		}
		same[what] = w.Name()
	}
	for _, w := range ws {
		if m := w.Mutant; m != nil && !m.Spec.Healthy && !names[reverse[m.Metadata.Name]] {
			t.Errorf("%s is reversed in %q, which is not recorded", w.Name(), reverse[m.Metadata.Name])
		}
	}
	if a, b := reverse["hidden-node"], reverse["ticktime-differs"]; a != b {
		t.Errorf("the same reverse is recorded as %s and as %s", a, b)
	}
}
