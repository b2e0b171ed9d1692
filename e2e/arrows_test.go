// Package e2e_test holds the import arrows of the layout that depguard cannot see: what a package reaches through
// others. The direct arrows are in .golangci.yml.
package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "meshproof.dev/meshproof"

// arrow forbids a package to reach any import path that is, or lies under, one of not.
type arrow struct {
	from string // below the module path
	not  []string
	why  string
}

var (
	cluster = []string{"k8s.io/client-go", "sigs.k8s.io/e2e-framework", "sigs.k8s.io/kind", "os/exec"}
	ginkgo  = []string{"github.com/onsi/ginkgo", "github.com/onsi/gomega"}
	pure    = slices.Concat(cluster, ginkgo)
)

// ours are the paths of our own packages below e2e.
func ours(names ...string) (paths []string) {
	for _, n := range names {
		paths = append(paths, module+"/e2e/"+n)
	}
	return paths
}

var arrows = []arrow{
	{"e2e/recording", pure, "a recording is read where there is no cluster"},
	{"e2e/manifest", pure, "manifests are given as bytes; asking a cluster or running a command is e2e/workload's"},
	{"e2e/manifest", []string{module}, "everybody shares this model, so it rests on nobody"},
	{"e2e/profile", pure, "decoding and inference work on given bytes; reading clusters and running commands is e2e/workload's"},
	{"e2e/view", pure, "a view is a pure fold of a recording"},
	{"e2e/check/rules", pure, "a check is a pure function of a view"},
	{"e2e/check", []string{module + "/e2e/check/rules"}, "what a check is does not depend on which there are"},
	{"e2e/judge", []string{module + "/e2e/check/rules"}, "the judge is given its checks"},
	{"e2e/judge", pure, "a verdict can be had again from the recording alone"},
	{"e2e/scenario", pure, "a scenario acts on the cluster through its Workload interface only, and can be tried without one"},
	{"e2e/scenario", ours("check", "judge", "run"), "a scenario gives no verdict and knows no run"},
	{"e2e/run/environment", ours("view", "check", "judge", "observe", "scenario", "run"), "the environment deploys no workload and records nothing"},
	{"e2e/run/injection", ours("check", "judge", "observe", "run"), "injections give no verdict and know no run"},
	{"e2e/run/artifacts", ours("view", "check", "judge", "observe", "scenario", "run"), "artifacts are written from events and logs alone"},
	{"e2e/inspect", ours("run", "scenario", "judge", "check"), "an inspection is no run, and gives no verdict"},
	{"e2e/progress", pure, "progress shows text; it starts nothing and asks no cluster"},
	{"e2e/view", ours("progress"), "what is judged does not depend on what people are shown"},
	{"e2e/check/rules", ours("progress"), "what is judged does not depend on what people are shown"},
	{"e2e/judge", ours("progress"), "what is judged does not depend on what people are shown"},
	{"reports", ours("progress"), "a report is written when nobody waits any more"},
	{"reports", pure, "a report is written from what judge and the view say"},
	{"e2e/erldist", pure, "the protocol client speaks the protocol and starts nothing"},
	{"e2e/erldist", []string{"k8s.io", "sigs.k8s.io"}, "the protocol client knows nothing of Kubernetes"},
	{"e2e/cmd/agent", slices.Concat([]string{"k8s.io", "sigs.k8s.io", "os/exec"}, ginkgo), "the agent is small and static, asks no API server and runs no program"},
	{"e2e/cmd/reaper", slices.Concat([]string{"k8s.io", "sigs.k8s.io", "os/exec"}, ginkgo), "the reaper is small and static, and runs no program"},
	{"e2e/ownership", ours("workload", "target", "run"), "what belongs to a run is known by label and owner alone"},
	{"e2e/rights", ours("workload", "target", "run"), "what must be allowed depends on a plan and on manifests alone"},
	{"e2e/cmd/meshproof", ginkgo, "Ginkgo in a shipped binary brings its global flags and an exit of its own"},
	{"e2e/version", pure, "the versions are known without a cluster"},
	{"e2e/run", ginkgo, "both doors share this path, and one of them links no Ginkgo"},
}

func TestArrows(t *testing.T) {
	g := list(t)
	for _, a := range arrows {
		t.Run(strings.ReplaceAll(a.from+" not "+a.not[0], "/", "."), func(t *testing.T) {
			if _, ok := g[module+"/"+a.from]; !ok {
				t.Fatalf("there is no package %s/%s: the layout has changed, or it is not written yet", module, a.from)
			}
			for _, not := range a.not {
				if path := g.reach(module+"/"+a.from, not); path != nil {
					t.Errorf("%s reaches %s, but %s:\n  %s", a.from, not, a.why, strings.Join(path, "\n  imports "))
				}
			}
		})
	}
}

func TestReach(t *testing.T) {
	g := graph{
		"m/a": {"m/b", "fmt"}, "m/b": {"m/c", "k8s.io/client-gone"}, "m/c": {"k8s.io/client-go/rest"}, "m/d": {"fmt"},
		"k8s.io/client-go/rest": {"m/a"}, // a cycle must not hang the search
	}
	for _, c := range []struct {
		from, not, want string
	}{
		{"m/a", "k8s.io/client-go", "m/a m/b m/c k8s.io/client-go/rest"},
		{"m/b", "k8s.io/client-gone", "m/b k8s.io/client-gone"},
		{"m/d", "k8s.io/client-go", ""},
		{"m/a", "k8s.io/client", ""}, // not a whole path element
		{"m/c", "m/c", ""},           // a package is no arrow to itself
	} {
		if got := strings.Join(g.reach(c.from, c.not), " "); got != c.want {
			t.Errorf("%s to %s: got %q, want %q", c.from, c.not, got, c.want)
		}
	}
}

// graph tells what each package imports, test files left out.
type graph map[string][]string

// reach returns the shortest chain of imports from a package to an import path that is or lies under target, nil
// where there is none.
func (g graph) reach(from, target string) []string {
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		for _, imported := range g[path[len(path)-1]] {
			if seen[imported] {
				continue
			}
			seen[imported] = true
			next := slices.Concat(path, []string{imported})
			if imported == target || strings.HasPrefix(imported, target+"/") {
				return next
			}
			queue = append(queue, next)
		}
	}
	return nil
}

// list asks the go command for all packages of the module and what they reach, built for Linux without cgo as the
// agent is.
func list(t *testing.T) graph {
	t.Helper()
	openSources(t)
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Imports,Error", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Error      *struct{ Err string }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list printed what is not JSON: %v", err)
		}
		if p.Error != nil {
			t.Errorf("go list about %s: %s", p.ImportPath, p.Error.Err)
		}
		g[p.ImportPath] = p.Imports
	}
	return g
}

// openSources opens go.mod and every Go file of the tree. Go's test cache takes what this process opens for the inputs
// of its result; what the go command opens it does not see, and a forbidden import would be reported as passed, cached.
func openSources(t *testing.T) {
	t.Helper()
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "out"):
			return fs.SkipDir
		case name == "go.mod" || filepath.Ext(name) == ".go":
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			files++
			return f.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < len(arrows) {
		t.Fatalf("only %d source files seen: this is not the module's tree", files)
	}
}
