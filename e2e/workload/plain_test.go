package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

const (
	shop = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  serviceName: shop
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: shop, env: [{name: RELEASE_COOKIE, value: x}]}]}
`
	postgres = `apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: postgres}]}
`
)

// Manifests alone say which workload is meant, and each note from what that was told.
func TestPlainManifests(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		nodes  int
		says   string
		refuse string
	}{
		"one that speaks of Erlang": {shop + "---\n" + postgres, 1, "StatefulSet shop is taken for the nodes: it has the variable RELEASE_COOKIE", ""},
		"the rest":                  {shop + "---\n" + postgres, 1, "Deployment db is left out", ""},
		"two that do":               {shop + "---\n" + strings.ReplaceAll(shop, "name: shop", "name: worker"), 2, "StatefulSet worker is taken", ""},
		"the only one":              {postgres, 1, "it is the only workload there is", ""},
		"none of several":           {postgres + "---\n" + strings.ReplaceAll(postgres, "name: db", "name: web"), 0, "", "which of Deployment db, Deployment web"},
		"one replica":               {strings.Replace(shop, "spec:", "spec:\n  replicas: 1", 1), 1, "one replica is no cluster", ""},
		"no workload":               {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", 0, "", "nothing would run; there is Secret a"},
		"nothing":                   {"", 0, "", "no object is in it"},
		"a template":                {"kind: Deployment\nmetadata: {name: {{ .Name }}}\n", 0, "", "line 2 of the standard input"},
		"text":                      {"hello", 0, "", "not a Kubernetes object but text"},
	} {
		w, notes, err := Loader{}.LoadPlain(t.Context(), Stdin, strings.NewReader(c.text))
		if c.refuse != "" {
			if err == nil || !strings.Contains(err.Error(), c.refuse) || exitcode.Of(err) != exitcode.Usage {
				t.Errorf("%s: %v, code %d", name, err, exitcode.Of(err))
			}
			continue
		}
		if err != nil || len(w.Resolved.Workloads) != c.nodes || !strings.Contains(strings.Join(notes, "\n"), c.says) {
			t.Errorf("%s: %v, %q", name, err, notes)
		}
	}
}

func TestWhatIsPlain(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"shop.yaml": shop, "mine.yaml": "kind: Profile\n", "typo.yaml": "apiVersion: meshproof.dev/v2\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := Loader{Fixtures: "../../fixtures"}
	for path, want := range map[string]bool{
		"dns-a": false, Stdin: true, dir: true, filepath.Join(dir, "shop.yaml"): true, filepath.Join(dir, "mine.yaml"): false,
		filepath.Join(dir, "typo.yaml"): false, filepath.Join(dir, "not-there.yaml"): false, "../../fixtures/profiles/dns-a": false,
	} {
		if got := l.Plain(path); got != want {
			t.Errorf("%s is plain: %t", path, got)
		}
	}
}

// The Services of what is no node are not the cluster's.
func TestPlainManifestsLeaveOutTheServicesOfOthers(t *testing.T) {
	text := shop + "---\n" + postgres + "---\napiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: {app: db}}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: typo}}\n"
	w, _, err := Loader{}.LoadPlain(t.Context(), Stdin, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	y, err := w.Render("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(y); strings.Contains(s, "name: db") || !strings.Contains(s, "name: web") {
		t.Errorf("rendered are\n%s", s)
	}
}
