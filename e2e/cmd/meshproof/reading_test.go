package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// notErlang is the only workload, and nothing in it speaks of Erlang.
const notErlang = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: nginx, envFrom: [{configMapRef: {name: more}}]}]}\n" +
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: None, selector: {app: web}}\n"

// Where nothing of an Erlang application can be read, lint says so before anything else, and is not green.
func TestLintSaysFirstThatNothingSpeaksOfErlang(t *testing.T) {
	t.Chdir(t.TempDir())
	path := "web.yaml"
	if err := os.WriteFile(path, []byte(notErlang), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, err := meshproof(t, "lint", path)
	if err != nil || code != exitcode.Unknown {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	lines := strings.Split(out, "\n")
	for i, want := range []string{"", "web", "  read       web.yaml", "  node name  not seen", "  cookie     not seen", "  VM flags   not seen", "  ports      not seen",
		"  discovery  not seen", "  Services   web, which selects the pods", "  missing    ConfigMap more, for envFrom of container web", "  UNKNOWN  nothing here speaks of Erlang: "} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d is not %q in\n%s", i, want, out)
		}
	}
	all := strings.Split(strings.TrimSpace(out), "\n")
	if last := all[len(all)-1]; !strings.HasPrefix(last, "web: nothing here speaks of Erlang: ") || !strings.Contains(out, ", 1 failed, ") {
		t.Errorf("the last line is %q in\n%s", last, out)
	}
}

// One that can be read says where each thing is, and what is missing.
func TestLintSaysFirstWhatItCouldRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(strangersApp, "stringData: {cookie", "stringData: {other", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, err := meshproof(t, "lint", path)
	for _, want := range []string{"\n  cookie     env RELEASE_COOKIE of container web\n", "\n  missing    Secret shop with key cookie, for env RELEASE_COOKIE of container web\n"} {
		if err != nil || !strings.Contains(out, want) || strings.Contains(out, "nothing here speaks") {
			t.Errorf("exit code %d, %v: %q is not in\n%s", code, err, want, out)
		}
	}
}
