package workload

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

const (
	secretText  = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: topsecretcookie}\n"
	serviceText = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None, selector: {app: x}}\n"
)

// deployment has two replicas with these labels.
func deployment(name, labels string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  replicas: 2\n  template:\n    metadata: {labels: {" + labels + "}}\n    spec: {containers: [{name: c, image: i}]}\n"
}

// tree writes files, folders and all, into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustLoad(t *testing.T, path string) *Workload {
	t.Helper()
	w, err := Loader{Announce: func(string) {}}.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Web and worker behind one Service are one cluster; a Service that selects none of them is a verdict's matter.
func TestTwoWorkloadsBehindOneService(t *testing.T) {
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText,
		"m.yaml": strings.Join([]string{secretText, deployment("web", "app: x, part: web"), deployment("worker", "app: x, part: worker"), serviceText,
			strings.ReplaceAll(serviceText, "x}", "none}")}, "---\n"),
	}))
	if r := w.Resolved; len(r.Workloads) != 2 || r.Replicas() != 4 || r.Service != "x" || !slices.Equal(r.Services, []string{"x"}) {
		t.Errorf("resolved %+v", r)
	}
}

func TestManifestsOfFoldersPatternsAndFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"app/mesh/profile.yaml":     strings.Replace(profileText, "[m.yaml]", `[../deploy, "*.yml", ../deploy/a.yaml]`, 1),
		"app/mesh/s.yml":            secretText,
		"app/mesh/folder.yml/x":     "a folder that a pattern matches",
		"app/deploy/a.yaml":         deployment("x", "app: x"),
		"app/deploy/b.json":         `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}`,
		"app/deploy/notes.txt":      "not: [read",
		"app/deploy/deeper/bad.yml": "not: [read",
	})
	y := yamlOf(t)(mustLoad(t, filepath.Join(dir, "app", "mesh")).Render("", nil))
	for _, want := range []string{"kind: Deployment", "name: json", "kind: Secret"} {
		if strings.Count(y, want) != 1 {
			t.Errorf("%s is %d times in\n%s", want, strings.Count(y, want), y)
		}
	}
}

func TestManifestsOfACommand(t *testing.T) {
	dir := tree(t, map[string]string{
		"profile.yaml": strings.Replace(profileText, "manifests: [m.yaml]", `command: [cat, m.txt]`, 1),
		"m.txt":        secretText + "---\n# Source: nothing\n---\n" + deployment("x", "app: x"),
	})
	if r := mustLoad(t, dir).Resolved; r.Replicas() != 2 {
		t.Errorf("resolved %+v", r)
	}
}

func TestRequiredObjectsStandApart(t *testing.T) {
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText + "  requires: [before]\n",
		"m.yaml":       deployment("x", "app: x"),
		// The cookie may be there, too: it is applied, and guarded, all the same.
		"before/db.yaml": secretText + "---\n" + deployment("db", "app: db"),
	}))
	y := yamlOf(t)(w.RenderRequires(map[string]string{"i": "y:1"}))
	if strings.Count(y, "image: y:1") != 1 || strings.Contains(y, "namespace:") {
		t.Errorf("required:\n%s", y)
	}
	if y = yamlOf(t)(w.Render("", nil)); strings.Contains(y, "db") || w.Resolved.Replicas() != 2 {
		t.Errorf("%d replicas\n%s", w.Resolved.Replicas(), y)
	}
	var known secrets.Redactor
	if err := w.Guard(&known); err != nil || known.Text("a topsecretcookie") != "a (cookie)" {
		t.Errorf("%q, %v", known.Text("a topsecretcookie"), err)
	}
	if y = yamlOf(t)(mustLoad(t, filepath.Join(fixtures, "profiles", "dns-a")).RenderRequires(nil)); y != "" {
		t.Errorf("nothing is required, and there is %q", y)
	}
}

// alive reports whether a process runs; one that has ended and waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestCommandEndsWithItsChildren(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		limit  time.Duration
		says   string
	}{
		"hangs":                  {"sleep 600 & echo $! > pid; sleep 600", 3 * time.Second, "did not end within 3s"},
		"leaves one behind":      {"sleep 600 & echo $! > pid", time.Minute, "a child process that still runs keeps its output open"},
		"leaves a quiet one":     {"sleep 600 >/dev/null 2>&1 & echo $! > pid; echo a: b", time.Minute, ""},
		"prints without end":     {"sleep 600 & echo $! > pid; exec yes", time.Minute, "printed more than 8 MiB"},
		"fails with much to say": {"sleep 600 >/dev/null 2>&1 & echo $! > pid; for i in 1 2 3 4 5; do echo line $i >&2; done; exit 7", time.Minute, "ended with exit code 7; its last output: line 3 / line 4 / line 5"},
		"is killed":              {"sleep 600 >/dev/null 2>&1 & echo $! > pid; kill -9 $$", time.Minute, "failed: signal: killed"},
	} {
		dir := t.TempDir()
		out, err := Output(t.Context(), dir, []string{"sh", "-c", c.script}, c.limit)
		if c.says == "" && (err != nil || string(out) != "a: b\n") || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %q, error %v, want one that says %q", name, out, err, c.says)
		}
		text, err := os.ReadFile(filepath.Join(dir, "pid"))
		pid, e := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || e != nil {
			t.Fatalf("%s: %v, %v", name, err, e)
		}
		for until := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Errorf("%s: the child is still there", name)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

func TestCommandEndsWhenWeAreInterrupted(t *testing.T) {
	dir := tree(t, map[string]string{"profile.yaml": strings.Replace(profileText, "manifests: [m.yaml]", `command: [sleep, "600"]`, 1)})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := Loader{Announce: func(string) {}}.Load(ctx, dir)
	if !errors.Is(err, context.Canceled) || exitcode.Of(err) != exitcode.Interrupted {
		t.Errorf("error %v with code %d", err, exitcode.Of(err))
	}
}
