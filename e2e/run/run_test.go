package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/workload"
)

func TestOnlyWantedScenariosAreRecorded(t *testing.T) {
	w := &workload.Workload{Resolved: &profile.Resolved{EPMDPort: 4369, Workloads: []profile.Workload{{Kind: "Deployment", Name: "x", Replicas: 5}}, Rollout: []string{"Deployment/x"}, Console: []profile.Command{{Name: "ping"}}}}
	judgedOn := map[scenario.Name]bool{}
	for _, c := range rules.All() {
		for _, name := range c.Scenarios() {
			judgedOn[name] = name != recording.Inspect // which no run records
		}
	}
	recorded := func(o *Options, w *workload.Workload) (all []string) {
		for _, s := range o.plan(w).Scenarios() {
			all = append(all, string(s.Name))
		}
		return all
	}
	for name, want := range map[scenario.Name]string{"formation": "formation", "recovery": "formation recovery", "rollout": "formation rollout", "console": "formation console"} {
		if got := recorded(&Options{Checks: []check.Check{{ID: "x/y", Scenario: name}}}, w); strings.Join(got, " ") != want {
			t.Errorf("checks of %s: recorded are %v, want %s", name, got, want)
		}
	}
	for name, runs := range judgedOn {
		if runs && !slices.Contains(recorded(&Options{Options: environment.Options{Nodes: 3}, Checks: rules.All(), Scenarios: []scenario.Name{name}}, w), string(name)) {
			t.Errorf("scenario %s has checks and is never recorded", name)
		}
	}
	// What a mutant names counts more than what the user asked for.
	w.Scenarios = []string{"formation"}
	if got := recorded(&Options{Checks: rules.All(), Scenarios: []scenario.Name{"console"}}, w); !slices.Equal(got, []string{"formation"}) {
		t.Errorf("a mutant that leaves out scenarios: %v", got)
	}
}

// What is not recorded, because the profile has nothing for it, is skipped and says why.
func TestScenariosThatDoNotApplyAreSkippedWithTheReason(t *testing.T) {
	w := some(t, func(*profile.MutantSpec) {})
	r := &workloadRun{options: &Options{Checks: rules.All()}, workload: w}
	onRequest := func(name scenario.Name) bool {
		return slices.ContainsFunc(scenario.All(), func(s scenario.Scenario) bool { return s.Name == name && s.OnRequest })
	}
	for _, res := range r.judge().Results {
		switch {
		case onRequest(res.Scenario):
			if res.Verdict != judge.Skip || !strings.Contains(res.Reason, "requested by name") {
				t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Reason)
			}
		case res.Scenario == "rollout" && (res.Verdict != judge.Skip || !strings.Contains(res.Reason, "spec.rollout")):
			t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Reason)
		case res.Scenario != "rollout" && res.Level != check.Advice && res.Verdict != judge.Unknown:
			t.Errorf("%s: %s, of a run that ended before it", res.ID, res.Verdict)
		}
	}
}

func TestAScenarioThatThereIsNotIsAUsageError(t *testing.T) {
	_, err := Start(t.Context(), Options{Scenarios: []scenario.Name{"recoverry"}, Out: t.TempDir()}, nil)
	if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "recoverry") {
		t.Errorf("error %v, code %d", err, exitcode.Of(err))
	}
}

func TestNoCheckIsAUsageError(t *testing.T) {
	_, err := Start(t.Context(), Options{Checks: []check.Check{}, Out: t.TempDir()}, nil)
	if exitcode.Of(err) != exitcode.Usage {
		t.Errorf("error %v, code %d", err, exitcode.Of(err))
	}
}

// All workloads of a run are deployed at the same time, so that no two may fix the same namespace.
func TestWorkloadsOfOneNamespaceAreRefused(t *testing.T) {
	fixed := func(name, ns string) *workload.Workload {
		return &workload.Workload{Profile: &profile.Profile{Metadata: profile.Metadata{Name: name}}, Resolved: &profile.Resolved{Namespace: ns}}
	}
	for _, ok := range [][]*workload.Workload{{fixed("a", ""), fixed("b", "")}, {fixed("a", "prod"), fixed("b", "test"), fixed("c", "")}} {
		if err := checkNamespaces(ok, false); err != nil {
			t.Error(err)
		}
	}
	_, err := Start(t.Context(), Options{Out: t.TempDir(), Repeat: 2}, []*workload.Workload{fixed("a", ""), fixed("b", "prod")})
	if err == nil || !strings.Contains(err.Error(), "b fixes the namespace prod, and the runs of a soak have one each") || exitcode.Of(err) != exitcode.Usage {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
	_, err = Start(t.Context(), Options{Out: t.TempDir()}, []*workload.Workload{fixed("a", "prod"), fixed("b", "prod")})
	if err == nil || !strings.Contains(err.Error(), "a and b both fix the namespace prod") || exitcode.Of(err) != exitcode.Usage {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
}

// A profile with a cookie in it is refused before anything is made, even a folder of results.
func TestACookieInAProfileIsRefused(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../fixtures/profiles/dns-a")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "profile.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(data)+"  env: {GREETING: \"it is "+theCookie+"\"}\n")
	w, err := workload.Load("", dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{Out: out}, []*workload.Workload{w})
	if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "spec.env.GREETING contains a cookie") || strings.Contains(err.Error(), theCookie) {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
	if made, err := os.ReadDir(out); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
}

func TestNamespacesAreValidAndDiffer(t *testing.T) {
	_, w, reversed, err := workload.LoadMutant("../../fixtures", "cookie-differs")
	if err != nil {
		t.Fatal(err)
	}
	a, b := newNamespace(w), newNamespace(reversed)
	for _, n := range []string{a, b} {
		if len(n) > 63 || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("namespace %q", n)
		}
	}
	if a == b {
		t.Errorf("two workloads share namespace %s", a)
	}
}
