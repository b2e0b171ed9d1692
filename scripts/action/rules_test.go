package action_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var pinned = regexp.MustCompile(`(?m)^ *(?:- )?uses: *(\S+)( # v[0-9]+\.[0-9]+\.[0-9]+)?$`)

// everyStep are the steps of workflows and action, by the file they stand in.
func everyStep(t *testing.T) map[string][]step {
	t.Helper()
	all := map[string][]step{"action.yml": load[compositeAction](t, "action.yml").Runs.Steps}
	for file, w := range workflows(t) {
		for _, j := range w.Jobs {
			all[file] = append(all[file], j.Steps...)
		}
	}
	return all
}

// An action is named by its commit, with its release beside it: a tag can be moved.
func TestActionsArePinned(t *testing.T) {
	commit := regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`)
	of := map[string]string{}
	for file, steps := range everyStep(t) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found := pinned.FindAllStringSubmatch(string(text), -1)
		used := 0
		for _, s := range steps {
			if s.Uses != "" {
				used++
			}
		}
		if len(found) != used {
			t.Errorf("%s uses %d actions, and %d lines are of the form uses: NAME@COMMIT # vX.Y.Z", file, used, len(found))
		}
		for _, m := range found {
			if m[1] == "./" {
				continue
			}
			if !commit.MatchString(m[1]) || m[2] == "" {
				t.Errorf("%s: %s%s is not actions/NAME@COMMIT # vX.Y.Z", file, m[1], m[2])
			}
			name, _, _ := strings.Cut(m[1], "@")
			if other := of[name]; other != "" && other != m[1]+m[2] {
				t.Errorf("%s: %s is pinned twice: %s and %s", file, name, other, m[1]+m[2])
			}
			of[name] = m[1] + m[2]
		}
	}
}

// What an expression yields is text to a script, never a part of it.
func TestNoScriptHasAnExpression(t *testing.T) {
	for file, steps := range everyStep(t) {
		for _, s := range steps {
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s: %q: hand it over in env", file, s.Run)
			}
		}
	}
}

// Each workflow says what it may do, and that is to read. Only the job that makes a release may write, and only releases.
func TestPermissions(t *testing.T) {
	for file, w := range workflows(t) {
		read := map[string]string{"contents": "read"}
		if w.Permissions == nil || len(w.Permissions) > 0 && !maps.Equal(w.Permissions, read) {
			t.Errorf("%s: permissions %v", file, w.Permissions)
		}
		for id, j := range w.Jobs {
			if release := filepath.Base(file) == "release.yml" && id == "release"; j.Permits != nil && (!release || !maps.Equal(j.Permits, map[string]string{"contents": "write"})) {
				t.Errorf("%s: job %s: permissions %v", file, id, j.Permits)
			}
		}
	}
}

func TestJobsAreLimited(t *testing.T) {
	for file, w := range workflows(t) {
		if w.Concurrency["group"] == "" {
			t.Errorf("%s has no concurrency group", file)
		}
		for id, j := range w.Jobs {
			if j.Timeout == 0 || !strings.HasPrefix(j.RunsOn, "ubuntu-") || j.RunsOn == "ubuntu-latest" {
				t.Errorf("%s: job %s runs on %s for at most %d minutes", file, id, j.RunsOn, j.Timeout)
			}
			if len(j.Strategy.Matrix) > 0 && j.Strategy.FailFast {
				t.Errorf("%s: job %s stops its others", file, id)
			}
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
					t.Errorf("%s: job %s keeps its token in the checkout", file, id)
				}
			}
		}
	}
}

var output = regexp.MustCompile(`steps\.([a-z]+)\.outputs\.([a-z-]+)`)

// A composite action loses an output that is not declared, and a misspelt one is empty: each that is read must be one that a script writes.
func TestOutputsAreWritten(t *testing.T) {
	a := load[compositeAction](t, "action.yml")
	text, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	writes := map[string]string{"run": "program"}
	for _, s := range a.Runs.Steps {
		if s.ID != "" {
			script, failed := os.ReadFile(s.ID + ".sh")
			if failed != nil {
				t.Fatal(failed)
			}
			writes[s.ID] = string(script)
		}
	}
	program, err := os.ReadFile(filepath.Join(root, "reports/github.go"))
	if err != nil {
		t.Fatal(err)
	}
	writes["run"] += string(program)
	read := output.FindAllStringSubmatch(string(text), -1)
	if len(read) < 10 {
		t.Errorf("only %d outputs are read: this test does not find them", len(read))
	}
	for _, m := range read {
		if !strings.Contains(writes[m[1]], m[2]+"=") {
			t.Errorf("action.yml reads %s, and nothing writes it", m[0])
		}
	}
}

// The issue names them; later ones add to them.
func TestTheActionDeclaresItsInputsAndOutputs(t *testing.T) {
	a := load[compositeAction](t, "action.yml")
	for _, name := range []string{"profile", "otp", "kubernetes", "version", "context", "fail-on", "upload"} {
		if a.Inputs[name].Description == "" {
			t.Errorf("no input %s, or it is not described", name)
		}
	}
	for _, name := range []string{"verdict", "exit-code", "report", "first-broken-rung"} {
		if a.Outputs[name].Description == "" || a.Outputs[name].Value == "" {
			t.Errorf("no output %s, or it is not described, or has no value", name)
		}
	}
	for _, s := range a.Runs.Steps {
		if s.Run != "" && s.Shell != "bash" {
			t.Errorf("step %q does not say in which shell it runs, and GitHub refuses that in an action", s.Name)
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|(?: `([^`]*)` \\|| \\|)? ([^|]+) \\|$")

// docs/in-ci.md says of inputs and outputs what action.yml says.
func TestThePageSaysWhatTheActionSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/in-ci.md"))
	if err != nil {
		t.Fatal(err)
	}
	a := load[compositeAction](t, "action.yml")
	said := map[string]described{}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		said[m[1]] = described{Default: m[2], Description: m[3]}
	}
	want := map[string]described{}
	for name, in := range a.Inputs {
		want[name] = in
	}
	for name, out := range a.Outputs {
		want[name] = described{Description: out.Description}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if said[name] != want[name] {
			t.Errorf("%s: the page says %+v, action.yml %+v", name, said[name], want[name])
		}
	}
	for name := range said {
		if _, there := want[name]; !there {
			t.Errorf("the page has %s, which action.yml does not have", name)
		}
	}
}

// The five lines of the page are a job that uses the action with inputs that it has.
func TestTheFiveLines(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/in-ci.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "\n    mesh:\n")
	block, _, _ := strings.Cut(after, "\n\n")
	var jobs map[string]job
	if err = yaml.Unmarshal([]byte("mesh:\n"+block), &jobs); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count("mesh:\n"+block, "\n") + 1; n != 5 {
		t.Errorf("%d lines", n)
	}
	a, used := load[compositeAction](t, "action.yml"), 0
	for _, s := range jobs["mesh"].Steps {
		if !strings.Contains(s.Uses, "/meshproof@") {
			continue
		}
		for name := range s.With {
			used++
			if a.Inputs[name].Description == "" {
				t.Errorf("there is no input %s", name)
			}
		}
	}
	if used == 0 {
		t.Errorf("no input is used: %+v", jobs)
	}
}
