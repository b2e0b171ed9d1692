package action_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runner executes steps on this machine as GitHub's does: each with files for its outputs, its summary, its environment and its path.
type runner struct {
	t    *testing.T
	dir  string // working directory, GITHUB_WORKSPACE
	path string // PATH
	env  map[string]string
	in   contexts // steps is filled here

	failed   bool   // a step has, and was not allowed to
	uses     []step // actions that were called, with their inputs evaluated
	log      string // what the steps printed
	commands []string
	summary  string
}

func newRunner(t *testing.T, dir string, in contexts) *runner {
	t.Helper()
	in["steps"] = map[string]any{}
	return &runner{t: t, dir: dir, path: os.Getenv("PATH"), in: in, env: map[string]string{
		"HOME": os.Getenv("HOME"), "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": dir, "RUNNER_TEMP": t.TempDir(), "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64",
	}}
}

func (r *runner) text(s string) string {
	r.t.Helper()
	out, err := interpolate(s, r.in)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *runner) texts(m map[string]string) map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for k, v := range m {
		out[k] = r.text(v)
	}
	return out
}

// do executes the steps. What a step uses is only noted, unless use does it.
func (r *runner) do(steps []step, use func(step) (outputs map[string]string, failed bool)) {
	r.t.Helper()
	for _, s := range steps {
		outcome, outputs := "skipped", map[string]string{}
		if r.wanted(s.If) {
			var failed bool
			if s.Uses != "" {
				s.With = r.texts(s.With)
				r.uses = append(r.uses, s)
				if use != nil {
					outputs, failed = use(s)
				}
			} else {
				outputs, failed = r.shell(s)
			}
			outcome = "success"
			if failed {
				outcome, r.failed = "failure", r.failed || !s.Continue
			}
		}
		if s.ID != "" {
			all := map[string]any{}
			for k, v := range outputs {
				all[k] = v
			}
			r.steps()[s.ID] = map[string]any{"outputs": all, "outcome": outcome}
		}
	}
}

func (r *runner) steps() map[string]any {
	all, _ := r.in["steps"].(map[string]any)
	return all
}

// wanted evaluates a step's condition. Without a function in it, it holds only as long as nothing has failed.
func (r *runner) wanted(condition string) bool {
	r.t.Helper()
	if !strings.Contains(condition, "always()") && r.failed {
		return false
	}
	if condition == "" {
		return true
	}
	v, err := evaluate(condition, r.in)
	if err != nil {
		r.t.Fatal(err)
	}
	return truth(v)
}

// shell executes a step's script, and returns its outputs and whether it failed.
func (r *runner) shell(s step) (map[string]string, bool) {
	r.t.Helper()
	files := r.t.TempDir()
	script := filepath.Join(files, "script.sh")
	if err := os.WriteFile(script, []byte(s.Run), 0o600); err != nil {
		r.t.Fatal(err)
	}
	flags := []string{"-e", script} // GitHub's, where no shell is named
	if s.Shell == "bash" {
		flags = []string{"--noprofile", "--norc", "-eo", "pipefail", script}
	} else if s.Shell != "" {
		r.t.Fatalf("shell %q is not known here", s.Shell)
	}
	c := exec.CommandContext(r.t.Context(), "bash", flags...)
	c.Dir = r.dir
	env := maps.Clone(r.env)
	maps.Copy(env, r.texts(s.Env))
	env["PATH"] = r.path
	names := []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH"}
	for _, name := range names {
		env[name] = filepath.Join(files, name)
		if err := os.WriteFile(env[name], nil, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	for k, v := range env {
		c.Env = append(c.Env, k+"="+v)
	}
	out, err := c.CombinedOutput()
	r.log += string(out)
	r.commands = append(r.commands, commands(string(out))...)
	r.summary += r.read(env["GITHUB_STEP_SUMMARY"])
	maps.Copy(r.env, r.pairs(env["GITHUB_ENV"]))
	for line := range strings.Lines(r.read(env["GITHUB_PATH"])) {
		r.path = strings.TrimSpace(line) + ":" + r.path
	}
	return r.pairs(env["GITHUB_OUTPUT"]), err != nil
}

func (r *runner) read(path string) string {
	r.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

// pairs reads NAME=VALUE lines. Of two with one name the later counts.
func (r *runner) pairs(path string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(r.read(path)) {
		name, value, is := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !is || strings.Contains(name, "<<") {
			r.t.Fatalf("%s: %q is not NAME=VALUE", filepath.Base(path), line)
		}
		all[name] = value
	}
	return all
}

var known = []string{"error", "warning", "notice", "add-mask", "set-output", "stop-commands", "group", "endgroup", "debug"}

// commands are the workflow commands in what a step printed, without those that came while commands were stopped.
func commands(out string) (all []string) {
	stopped := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		name, _, is := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		switch word, _, _ := strings.Cut(name, " "); {
		case !is || !strings.HasPrefix(line, "::"):
		case stopped != "":
			if word == stopped {
				stopped = ""
			}
		case word == "stop-commands":
			stopped = strings.TrimPrefix(line, "::stop-commands::")
		case slices.Contains(known, word):
			all = append(all, line)
		}
	}
	return all
}
