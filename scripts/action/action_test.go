package action_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// attempt is one use of the action.
type attempt struct {
	with    map[string]string // inputs, also ones that it does not have
	ref     string            // that the action was named by
	program string            // a shell script in the place of the release's program; $REAL is the real one
	spoil   string            // what is wrong with the release

	failed  bool
	verdict string
	code    string
	rung    string
	upload  bool
	says    string // in the log
	args    string // what the program was called with
}

// judges lets the real program judge recordings in the place of a run, which would take minutes and a cluster.
func judges(files string) string {
	return `"$REAL" judge ` + files + `; code=$?; mkdir results; echo "results=$PWD/results" >>"$GITHUB_OUTPUT"; exit $code`
}

var attempts = map[string]attempt{
	"green":                         {program: judges("$GREEN"), verdict: "ok", code: "0", upload: true, args: "run --file meshproof.yaml"},
	"red":                           {program: judges("$RED"), failed: true, verdict: "fail", code: "1", rung: "service", upload: true, says: "service/selects-pods"},
	"unknown":                       {program: judges("$CUT"), failed: true, verdict: "unknown", code: "2", rung: "image", upload: true},
	"unknown, and that is let pass": {program: judges("$CUT"), with: map[string]string{"fail-on": "fail"}, verdict: "unknown", code: "2", rung: "image", upload: true},
	"red, and unknown is let pass":  {program: judges("$RED"), with: map[string]string{"fail-on": "fail"}, failed: true, verdict: "fail", code: "1", rung: "service", upload: true},
	"nothing is uploaded":           {program: judges("$RED"), with: map[string]string{"upload": "false"}, failed: true, verdict: "fail", code: "1", rung: "service"},
	"a cookie in the results":       {program: judges("$RED") + `; exit 1`, spoil: "leak", failed: true, verdict: "fail", code: "1", rung: "service"},
	"all inputs": {program: judges("$GREEN"), with: map[string]string{"profile": "shop,web", "otp": "27", "kubernetes": "1.36", "version": "1.2.3", "context": "prod", "fail-on": "fail", "upload": "true"},
		ref: "main", verdict: "ok", code: "0", upload: true, args: "run --file shop,web --otp 27 --k8s 1.36 --context prod"},
	"inputs are text":      {program: judges("$GREEN"), with: map[string]string{"profile": `x"; touch pwned; $(touch pwned) '`}, verdict: "ok", code: "0", upload: true, args: `run --file x"; touch pwned; $(touch pwned) '`},
	"a wrong flag":         {program: "exit 64", failed: true, verdict: "usage", code: "64"},
	"killed":               {program: "kill -9 $$", failed: true, verdict: "internal", code: "70"},
	"killed with its step": {program: "kill -9 $PPID", failed: true, verdict: "interrupted", code: "130"},

	"an input that there is not":       {with: map[string]string{"profil": "x"}, failed: true, verdict: "usage", code: "64", says: "there is no input profil: it must be one of profile otp"},
	"a value that looks like a name":   {program: judges("$GREEN"), with: map[string]string{"profile": `a", "profil": "b`}, verdict: "ok", code: "0", upload: true},
	"another fail-on":                  {with: map[string]string{"fail-on": "never"}, failed: true, verdict: "usage", code: "64", says: "fail-on is 'never'"},
	"another upload":                   {with: map[string]string{"upload": "yes"}, failed: true, verdict: "usage", code: "64", says: "upload is 'yes'"},
	"a version that is no version":     {with: map[string]string{"version": "../../x"}, failed: true, verdict: "usage", code: "64", says: "version is '../../x'"},
	"no such release":                  {spoil: "nothing", failed: true, verdict: "unavailable", code: "69", says: "has no meshproof_1.2.3_linux_amd64.tar.gz"},
	"another archive than summed":      {spoil: "archive", failed: true, verdict: "unavailable", code: "69", says: "is not that of the release: it is not used"},
	"no sum for the archive":           {spoil: "sum", failed: true, verdict: "unavailable", code: "69", says: "does not have one line for"},
	"two sums, the first a stranger's": {spoil: "two sums", failed: true, verdict: "unavailable", code: "69", says: "does not have one line for"},
}

func TestTheAction(t *testing.T) {
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "make", "-s", "--no-print-directory", "-C", top, "build")
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	w := world{top: top, real: lines[len(lines)-1], recordings: recordings(t, top)}
	for name, a := range attempts {
		t.Run(name, func(t *testing.T) { w.try(t, a) })
	}
	t.Run("built from its own files", w.fromSource)
}

// world is what attempts have in common.
type world struct {
	top, real  string
	recordings []string // GREEN=…, RED=…, CUT=…
}

// recordings are a green one, a red one and one whose writer was killed.
func recordings(t *testing.T, top string) []string {
	t.Helper()
	green := filepath.Join(top, "fixtures/recordings/dns-a/formation.jsonl")
	data, err := os.ReadFile(green)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.jsonl")
	if err = os.WriteFile(cut, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"GREEN=" + green, "RED=" + filepath.Join(top, "fixtures/recordings/selector-typo/formation.jsonl"), "CUT=" + cut}
}

// use executes the action's steps, and returns the runner after them and the action's outputs.
func (w world) use(t *testing.T, with map[string]string, ref, server string) (*runner, map[string]string) {
	t.Helper()
	a := load[compositeAction](t, "action.yml")
	inputs := map[string]any{}
	for name, in := range a.Inputs {
		inputs[name] = in.Default
	}
	for name, v := range with {
		inputs[name] = v // one that is not declared stays, too: so does GitHub's runner
	}
	r := newRunner(t, t.TempDir(), contexts{"inputs": inputs, "strategy": map[string]any{"job-index": "3"},
		"github": map[string]any{"action_path": w.top, "action_ref": ref, "action_repository": "someone/meshproof", "repository": "someone/shop"}})
	r.env["GITHUB_ACTION_PATH"], r.env["GITHUB_JOB"], r.env["GITHUB_SERVER_URL"] = w.top, "mesh", server
	r.env["REAL"] = w.real
	for _, pair := range w.recordings {
		name, value, _ := strings.Cut(pair, "=")
		r.env[name] = value
	}
	for _, s := range a.Runs.Steps {
		if s.ID != "" {
			r.steps()[s.ID] = map[string]any{"outputs": map[string]any{}, "outcome": "skipped"}
		}
	}
	r.do(a.Runs.Steps, nil)
	outputs := map[string]string{}
	for name, o := range a.Outputs {
		outputs[name] = r.text(o.Value)
	}
	return r, outputs
}

func (w world) try(t *testing.T, a attempt) {
	ref := a.ref
	if ref == "" {
		ref = "v1.2.3"
	}
	program := "#!/bin/sh\nfor a in \"$@\"; do printf '%s ' \"$a\"; done >args\n" + a.program + "\n"
	if a.spoil == "leak" {
		program = strings.Replace(program, "; exit $code", `; echo may-be-passed-on=false >>"$GITHUB_OUTPUT"; exit $code`, 1)
	}
	r, got := w.use(t, a.with, ref, release(t, program, a.spoil))
	if got["verdict"] != a.verdict || got["exit-code"] != a.code || got["first-broken-rung"] != a.rung || r.failed != a.failed {
		t.Errorf("failed: %t, outputs %v\n%s", r.failed, got, r.log)
	}
	if !strings.Contains(r.log, a.says) {
		t.Errorf("the log does not say %q:\n%s", a.says, r.log)
	}
	uploaded := slices.IndexFunc(r.uses, func(s step) bool { return strings.HasPrefix(s.Uses, "actions/upload-artifact@") })
	if (uploaded >= 0) != a.upload {
		t.Errorf("uploaded: %t\n%s", uploaded >= 0, r.log)
	} else if a.upload {
		if s := r.uses[uploaded]; s.With["name"] != "meshproof-mesh-3-results" || s.With["path"] != filepath.Join(r.dir, "results") {
			t.Errorf("uploaded with %v", s.With)
		}
	}
	args, err := os.ReadFile(filepath.Join(r.dir, "args"))
	if called := err == nil; called != (a.program != "") || a.args != "" && strings.TrimSpace(string(args)) != a.args {
		t.Errorf("the program was called: %t, with %q", called, args)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "pwned")); err == nil {
		t.Error("an input was executed")
	}
	if slices.ContainsFunc(r.uses, func(s step) bool { return strings.HasPrefix(s.Uses, "actions/setup-go@") }) {
		t.Error("a release needs no Go")
	}
	published(t, r, a)
}

// published holds what the program gave to the page of the job.
func published(t *testing.T, r *runner, a attempt) {
	t.Helper()
	errors := 0
	for _, c := range r.commands {
		if strings.HasPrefix(c, "::error ") || strings.HasPrefix(c, "::error::") {
			errors++
		}
	}
	if errors > 10 || (a.verdict == "fail" || a.verdict == "usage" && a.program == "") && errors == 0 {
		t.Errorf("%d errors among %q", errors, r.commands)
	}
	if strings.Contains(a.program, "judge") != strings.Contains(r.summary, "## meshproof: "+a.verdict+" (exit "+a.code+")") {
		t.Errorf("summary:\n%s", r.summary)
	}
}

// A commit that is no release is built, with the Go that it asks for. The program that comes of it is run for real, as far as it gets
// without a cluster.
func (w world) fromSource(t *testing.T) {
	r, got := w.use(t, map[string]string{"profile": "nowhere.yaml"}, "main", "http://127.0.0.1:1")
	if got["verdict"] != "usage" || got["exit-code"] != "64" || !r.failed || !strings.Contains(r.log, "nowhere.yaml") {
		t.Errorf("failed: %t, outputs %v\n%s", r.failed, got, r.log)
	}
	if _, err := os.Stat(got["report"]); err != nil || strings.HasPrefix(got["report"], w.top+"/") {
		t.Errorf("the report is %s, and not in the repository that uses the action: %v", got["report"], err)
	}
	if len(r.uses) == 0 || !strings.HasPrefix(r.uses[0].Uses, "actions/setup-go@") || r.uses[0].With["go-version-file"] != filepath.Join(w.top, "go.mod") {
		t.Errorf("uses %+v", r.uses)
	}
}
