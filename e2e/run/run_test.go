package run

import (
	"errors"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

func TestOnlyWantedScenariosAreRecorded(t *testing.T) {
	byScenario := map[string][]check.Check{}
	for _, c := range rules.All() {
		byScenario[c.Scenario] = append(byScenario[c.Scenario], c)
	}
	for scenario, want := range map[string]string{"formation": "formation", "recovery": "formation recovery", "rollout": "formation rollout", "console": "formation console"} {
		o := Options{Checks: byScenario[scenario]}
		var got []string
		for _, e := range Scenarios {
			if o.scenarios()[e] {
				got = append(got, e)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("checks of %s: recorded are %v, want %s", scenario, got, want)
		}
	}
	for e := range byScenario {
		if !(&Options{Checks: rules.All()}).scenarios()[e] {
			t.Errorf("scenario %s has checks and is never recorded", e)
		}
	}
}

// Two profiles may call different images by one name; a folder that both build is one. What one of them lacks is no matter of the
// other.
func TestImagesOfOneNameAreToldApart(t *testing.T) {
	of := func(dir, build string) *workload.Workload {
		return &workload.Workload{Dir: dir, Profile: &profile.Profile{Spec: profile.Spec{Images: []profile.Image{{Name: "shop", Build: build}}}}}
	}
	a, b, c := of("/x/a", "."), of("/x/b", "."), of("/x/c", "../a")
	all := appImages([]*workload.Workload{a, b, c}, "")
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	g := &ground{apps: map[string]appImage{
		imageKey(all[0].Dir, all[0].Image): {Image: image.Image{Ref: "a:1"}}, imageKey(all[1].Dir, all[1].Image): {err: errors.New("it does not build")},
	}}
	if g.lacks(a) || !g.lacks(b) || g.lacks(c) {
		t.Errorf("lacking: %v %v %v", g.lacks(a), g.lacks(b), g.lacks(c))
	}
	if g.refs(a)["shop"] != "a:1" || g.refs(c)["shop"] != "a:1" || len(g.refs(b)) != 0 {
		t.Errorf("refs: %v %v %v", g.refs(a), g.refs(b), g.refs(c))
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
		if err := apart(ok); err != nil {
			t.Error(err)
		}
	}
	_, err := Start(t.Context(), Options{Out: t.TempDir()}, []*workload.Workload{fixed("a", "prod"), fixed("b", "prod")})
	if err == nil || !strings.Contains(err.Error(), "a and b both fix the namespace prod") || exitcode.Of(err) != exitcode.Usage {
		t.Errorf("%v (%d)", err, exitcode.Of(err))
	}
}

func TestNamespacesAreValidAndDiffer(t *testing.T) {
	_, w, reversed, err := workload.LoadMutant("../../fixtures", "cookie-differs")
	if err != nil {
		t.Fatal(err)
	}
	a, b := namespaceOf(w), namespaceOf(reversed)
	for _, n := range []string{a, b} {
		if len(n) > 63 || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("namespace %q", n)
		}
	}
	if a == b {
		t.Errorf("two workloads share namespace %s", a)
	}
}
