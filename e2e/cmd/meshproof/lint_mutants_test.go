package main

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// The manifests of a mutant are red in no check but the one that the mutant expects, and where it is not broken, in none. One more
// red would be a false alarm, or a second fault. What lint says of a name in the configuration, a run sees asked by the nodes, and says
// it in another check.
func TestLintOfMutants(t *testing.T) {
	const fixtures = "../../../fixtures"
	for _, name := range workload.Names(fixtures, "mutants") {
		m, broken, reversed, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		expected := slices.Clone(m.Spec.Expect)
		if said, is := saidBefore[name]; is {
			expected = append(expected, said)
		}
		// A check above the manifests that passes on the cluster takes nothing from it: what it expects on a higher rung is not red here.
		onlyExpected(t, name, broken, expected)
		if reversed != nil {
			onlyExpected(t, name+" without its fault", reversed, nil)
		}
	}
}

// saidBefore is what lint finds of a mutant where its run finds it in a check that lint does not judge.
var saidBefore = map[string]profile.Expect{
	"service-renamed":      {Check: "manifest/discovery-finds-peers", Diagnosis: "no-such-service"},
	"static-other-service": {Check: "manifest/discovery-finds-peers", Diagnosis: "other-service"},
}

// openBefore is what lint leaves open of a mutant, and names: files in the image may decide otherwise. Its run has seen the VM refuse it.
var openBefore = map[string]string{"mix-release-short-names": "manifest/name-form"}

func onlyExpected(t *testing.T, name string, w *workload.Workload, expected []profile.Expect) {
	t.Helper()
	p, err := lint(w, rules.All())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, r := range p.Results {
		if r.Verdict == judge.Unknown && openBefore[name] != r.ID || r.Verdict == judge.Fail && r.Level != check.Advice && !slices.Contains(expected, profile.Expect{Check: r.ID, Diagnosis: r.Code}) {
			t.Errorf("%s: %s is %s %s: %s", name, r.ID, r.Verdict, r.Code, r.Message)
		}
	}
}
