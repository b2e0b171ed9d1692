package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

const fixtures = "../../fixtures"

// folder writes files into a new folder and gives its path.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const profileText = `apiVersion: meshproof.dev/v1alpha1
kind: Profile
metadata: {name: x}
spec:
  manifests: [m.yaml]
  cookie: {secretKeyRef: {name: s, key: k}}
`

func TestBadProfilesAreUsageErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"no such profile":    {nil, "no profile"},
		"no manifest":        {map[string]string{"profile.yaml": profileText}, `no file matches "m.yaml"`},
		"manifest not YAML":  {map[string]string{"profile.yaml": profileText, "m.yaml": "a: 1\nkind: [\n"}, "m.yaml:2: not YAML"},
		"manifest is a list": {map[string]string{"profile.yaml": profileText, "m.yaml": "- a\n- b\n"}, "m.yaml:1: this is not a Kubernetes object but a list"},
		"not an object":      {map[string]string{"profile.yaml": profileText, "m.yaml": "kind: A\n---\n# which\na: 1\n"}, "m.yaml:4: this is not a Kubernetes object: it has no kind"},
		"empty manifest":     {map[string]string{"profile.yaml": profileText, "m.yaml": ""}, "m.yaml: no object is in it"},
		"nothing runs":       {map[string]string{"profile.yaml": profileText, "m.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"}, "so no pod would run; they contain Secret s"},
	} {
		_, err := Load(fixtures, folder(t, c.files))
		if err == nil || !strings.Contains(err.Error(), c.says) || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: error %v (code %d), want one that says %q with code %d", name, err, exitcode.Of(err), c.says, exitcode.Usage)
		}
	}
	if _, err := Load(fixtures, "dns-b"); err == nil || !strings.Contains(err.Error(), "dns-a") {
		t.Errorf("an unknown profile must name those that there are: %v", err)
	}
}

func TestRenderReplacesNamespaceAndImages(t *testing.T) {
	w, err := Load(fixtures, "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	y := yamlOf(t)(w.Render("ns-1", map[string]string{"meshproof/derl": "localhost:5000/x/derl:abc"}))
	for _, want := range []string{"namespace: ns-1", "image: localhost:5000/x/derl:abc", "clusterIP: None"} {
		if !strings.Contains(y, want) {
			t.Errorf("%q is not in the rendered manifests:\n%s", want, y)
		}
	}
}

// Each mutant of ours changes what is deployed, and names a shape that is not broken yet where it needs one.
// The profile's namespace is where all of it goes, whatever the manifests carry.
func TestTheProfileMovesManifestsToItsNamespace(t *testing.T) {
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText + "  namespace: shop-test\n",
		"m.yaml": strings.ReplaceAll(secretText+"---\n"+deployment("x", "app: x")+"---\n"+serviceText, "metadata: {name", "metadata: {namespace: prod, name") +
			"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n",
	}))
	y := yamlOf(t)(w.Render(w.Resolved.Namespace, nil))
	if strings.Contains(y, "prod") || strings.Count(y, "namespace: shop-test\n") != 3 || !strings.Contains(y, "kind: Namespace\nmetadata:\n  name: shop-test\n") {
		t.Error(y)
	}
}

func TestMutantsDifferFromTheirReverse(t *testing.T) {
	names := Names(fixtures, "mutants")
	if len(names) == 0 {
		t.Fatal("no mutant")
	}
	for _, name := range names {
		m, broken, reversed, err := LoadMutant(fixtures, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if reversed == nil {
			if reversed, err = Load(fixtures, m.Spec.Base); err != nil {
				t.Fatal(err)
			}
		}
		a := yamlOf(t)(broken.Render("", nil))
		b := yamlOf(t)(reversed.Render("", nil))
		if same := a == b; same != (m.Spec.Break.Empty() && (!m.Spec.Healthy || m.Spec.Shape.Empty())) {
			t.Errorf("%s: its manifests are those of its reverse: %v", name, same)
		}
		if !m.Spec.Healthy && broken.Resolved.Replicas() != reversed.Resolved.Replicas() {
			t.Errorf("%s has %d nodes, its reverse %d: it is broken in more than one way", name, broken.Resolved.Replicas(), reversed.Resolved.Replicas())
		}
	}
}

// Mutants of fewer replicas share one reverse, which is the base with as many.
func TestFewerReplicasAreReversedTogether(t *testing.T) {
	_, a, ra, err := LoadMutant(fixtures, "selector-typo")
	if err != nil {
		t.Fatal(err)
	}
	_, _, rb, err := LoadMutant(fixtures, "pod-ip-fixed")
	if err != nil {
		t.Fatal(err)
	}
	if a.Resolved.Replicas() != 2 || ra.Resolved.Replicas() != 2 || ra.Name() != rb.Name() {
		t.Errorf("%d and %d replicas, %q and %q", a.Resolved.Replicas(), ra.Resolved.Replicas(), ra.Name(), rb.Name())
	}
	y := yamlOf(t)(ra.Render("", nil))
	if z := yamlOf(t)(rb.Render("", nil)); y != z {
		t.Error("they differ")
	}
}

func TestAProfileNamedTwiceIsTwoWorkloads(t *testing.T) {
	ws, err := Loader{Fixtures: fixtures}.LoadAll(t.Context(), []string{"dns-a", "dns-a", "dns-a"})
	if err != nil {
		t.Fatal(err)
	}
	if a, b, c := ws[0].Name(), ws[1].Name(), ws[2].Name(); a != "dns-a" || b != "dns-a-2" || c != "dns-a-3" || ws[2].Resolved.Name != c {
		t.Errorf("%s, %s, %s", a, b, c)
	}
	if _, err = (Loader{Fixtures: fixtures}).LoadAll(t.Context(), []string{"dns-a", "dns-b"}); err == nil || !strings.Contains(err.Error(), `no profile "dns-b"`) {
		t.Error(err)
	}
}
