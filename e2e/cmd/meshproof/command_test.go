package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// meshproof runs the command line and gives what it prints and exits with.
func meshproof(t *testing.T, args ...string) (out string, code int, err error) {
	t.Helper()
	var b bytes.Buffer
	c := root(&code)
	c.SetArgs(args)
	c.SetOut(&b)
	if err = c.ExecuteContext(t.Context()); err != nil {
		code = exitcode.Of(err)
	}
	return b.String(), code, err
}

// wrote writes a recording to a file, and cuts bytes off its end.
func wrote(t *testing.T, s *rt.Recording, cut int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), string(s.Scenario)+".jsonl")
	w, err := recording.Create(path, s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		w.Write(e)
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	if cut > 0 {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err = os.WriteFile(path, data[:len(data)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// renamed gives the recording's profile another name.
func renamed(s *rt.Recording, name string) *rt.Recording {
	s.Profile = json.RawMessage(strings.Replace(string(s.Profile), `"name":"dns-a"`, `"name":"`+name+`"`, 1))
	return s
}

func TestJudgeGroupsByWorkload(t *testing.T) {
	out, code, err := meshproof(t, "judge", "-o", "json",
		wrote(t, rt.Recovery(3), 0), wrote(t, renamed(rt.Formation(3), "shop"), 0), wrote(t, rt.Formation(3), 0), wrote(t, rt.Console(3), 0))
	if err != nil || code != exitcode.OK {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	var r reports.Run
	if err = json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Profiles) != 2 || r.Profiles[0].Name != "dns-a" || r.Profiles[1].Name != "shop" || len(r.Profiles[0].Recordings) != 3 || r.APIVersion != reports.Version {
		t.Fatalf("profiles %+v", r.Profiles)
	}
	for i, want := range []judge.Verdict{judge.Pass, judge.Skip} {
		for _, x := range r.Profiles[i].Results {
			if x.ID == "recovery/pod-delete" && x.Verdict != want {
				t.Errorf("%s: recovery/pod-delete is %s, want %s", r.Profiles[i].Name, x.Verdict, want)
			}
		}
	}
	if r.Exit.Code != exitcode.OK || r.Counts.Passed == 0 || r.Counts.Failed != 0 {
		t.Errorf("exit %+v, counts %+v", r.Exit, r.Counts)
	}
}

// Whoever killed the writer, and where, what came later is unknown: nothing passes but what the manifests decide.
func TestJudgeSaysThatARecordingHasNoEnd(t *testing.T) {
	const end = len(`{"t":14999000000,"by":"run","end":{}}` + "\n")
	for name, cut := range map[string]int{"in the end": 20, "between two lines": end, "in an event": end + 20} {
		path := wrote(t, rt.Formation(3), cut)
		out, code, err := meshproof(t, "judge", path)
		why := "the recording has no end: its writer was killed at 15.0 s"
		if err != nil || code != exitcode.Unknown || !strings.Contains(out, "trouble: "+path+": "+why) || strings.Contains(out, "ok       mesh/full") || !strings.Contains(out, "ok       manifest/cookie-in-secret") {
			t.Errorf("%s: exit code %d, %v\n%s", name, code, err, out)
		}
		if n := strings.Count(out, why); n > 12 {
			t.Errorf("%s: it is said %d times\n%s", name, n, out)
		}
	}
	red := rt.Formation(3)
	red.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Cookie == "A" }, func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
	if out, code, err := meshproof(t, "judge", wrote(t, red, end)); err != nil || code != exitcode.Fail || !strings.Contains(out, "FAIL     handshake/cookie-accepted") {
		t.Errorf("a failure that was seen: exit code %d, %v\n%s", code, err, out)
	}
}

func TestJudgeRefuses(t *testing.T) {
	whole := wrote(t, rt.Formation(3), 0)
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "v9.jsonl")
	if err = os.WriteFile(other, []byte(strings.Replace(string(data), "recording/v1", "recording/v9", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"nothing":         {nil, "requires at least 1 arg"},
		"no such file":    {[]string{"/nonexistent.jsonl"}, "no such file"},
		"a folder":        {[]string{t.TempDir()}, "is a folder, and only regular files are read"},
		"no recording":    {[]string{"command_test.go"}, "command_test.go: line 1 is not the header of a recording"},
		"another version": {[]string{whole, other}, `v9.jsonl: line 1: format "meshproof.dev/recording/v9"`},
		"twice the same":  {[]string{whole, whole}, "give one of them"},
		"another form":    {[]string{"-o", "xml", whole}, "-o xml"},
		"no such flag":    {[]string{"--loud", whole}, "unknown flag"},
	} {
		_, code, err := meshproof(t, append([]string{"judge"}, c.args...)...)
		if err == nil || code != exitcode.Usage || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: exit code %d, error %v, want one that says %q", name, code, err, c.says)
		}
	}
}

func TestJudgeExitsWithTheWorst(t *testing.T) {
	red := rt.Formation(3)
	red.Change(func(e recording.Event) bool { return e.Service != nil }, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
	blind := rt.Formation(3)
	blind.Drop(func(e recording.Event) bool { return e.By == rt.Agent })
	for name, c := range map[string]struct {
		files []string
		want  int
	}{
		"unknown":         {[]string{wrote(t, blind, 0), wrote(t, renamed(rt.Formation(3), "shop"), 0)}, exitcode.Unknown},
		"red and unknown": {[]string{wrote(t, blind, 0), wrote(t, renamed(red, "shop"), 0)}, exitcode.Fail},
	} {
		if out, code, err := meshproof(t, append([]string{"judge"}, c.files...)...); err != nil || code != c.want {
			t.Errorf("%s: exit code %d, %v; want %d\n%s", name, code, err, c.want, out)
		}
	}
}

// One red explains what it blocks in one line, -v lists it, and the last line says what is to be done.
func TestJudgeIsShortWhereOneCauseExplainsMuch(t *testing.T) {
	red := rt.Formation(3)
	red.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Cookie == "A" }, func(e *recording.Event) {
		c := *e.Cookie
		c.Outcome = recording.Denied
		e.Cookie = &c
	})
	red.Drop(func(e recording.Event) bool { return e.Nodes != nil || e.Sockets != nil })
	path := wrote(t, red, 0)
	short, code, err := meshproof(t, "judge", path)
	if err != nil || code != exitcode.Fail {
		t.Fatal(code, err)
	}
	long, _, err := meshproof(t, "judge", "-v", path)
	if err != nil || strings.Contains(short, "  blocked  ") || !strings.Contains(short, " blocked by it (-v lists them)\n") || !strings.Contains(long, "  blocked  mesh/full ") {
		t.Errorf("%v; short:\n%s\nlong:\n%s", err, short, long)
	}
	lines := strings.Split(strings.TrimSpace(short), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "dns-a: first broken rung: ") || !strings.Contains(last, ". Remedy: ") || !strings.HasSuffix(lines[len(lines)-2], " skipped") {
		t.Errorf("the last lines:\n%s", strings.Join(lines[len(lines)-2:], "\n"))
	}
}

// replicas is a check that the manifests alone decide.
func replicas(level check.Level, want int) check.Check {
	return check.Check{ID: "manifest/replicas", Rung: check.Manifest, Level: level, Scenario: "formation", Causes: map[string][]string{"other": nil}, Judge: func(v *view.View) []check.Finding {
		f := check.Finding{Subject: check.Subject{Kind: "workload", Name: "derl"}, Outcome: check.Fail, Code: "other", Message: "there are others"}
		if len(v.Objects("Deployment")) == 1 && v.Profile.Replicas() == want {
			f = check.Finding{Subject: f.Subject, Outcome: check.Pass}
		}
		return []check.Finding{f}
	}}
}

func TestLintJudgesOnlyWhatManifestsDecide(t *testing.T) {
	w, err := workload.Load("../../../fixtures", "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	seen := replicas(check.Required, 3)
	seen.ID, seen.Rung = "mesh/seen", check.Mesh
	static := replicas(check.Latent, 3)
	static.ID, static.Rung, static.Static, static.Scenario = "service/static", check.Service, true, "recovery"
	p, err := lint(w, []check.Check{replicas(check.Required, 3), seen, static})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Results {
		got = append(got, r.ID+" "+string(r.Verdict))
	}
	if want := []string{"manifest/replicas pass", "service/static pass"}; !slices.Equal(got, want) || p.ExitCode() != exitcode.OK {
		t.Errorf("judged %v with exit code %d, want %v", got, p.ExitCode(), want)
	}
	if p, err = lint(w, []check.Check{replicas(check.Required, 4)}); err != nil || p.ExitCode() != exitcode.Fail {
		t.Errorf("a red check ends lint with %d, %v", p.ExitCode(), err)
	}
	if _, err = lint(w, []check.Check{seen}); err == nil || exitcode.Of(err) == exitcode.OK {
		t.Errorf("nothing to judge: error %v", err)
	}
}

func TestLintOfOurProfiles(t *testing.T) {
	for _, name := range workload.Names("../../../fixtures", "profiles") {
		out, code, err := meshproof(t, "lint", name)
		if err != nil || code != exitcode.OK || !strings.HasSuffix(out, "skipped\n") {
			t.Errorf("%s: exit code %d, %v\n%s", name, code, err, out)
		}
	}
	out, _, err := meshproof(t, "lint", "-v", "dns-a")
	for _, want := range []string{"dns-a, as understood", "fixtures/profiles/dns-a/profile.yaml", "interval           profile   1s", "distPort           inferred  10000", "budgets.recovery   default   1m0s"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%q is not in (%v)\n%s", want, err, out)
		}
	}
	for _, want := range []string{"namespace          default   (a fresh one)", "nodes              default   1", "expect.topology    default   full", "cookie             profile   key cookie of Secret derl"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _, err = meshproof(t, "lint", "-o", "json", "-v", "dns-a")
	var r reports.Run
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || len(r.Profiles) != 1 || len(r.Profiles[0].Results) == 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Two applications in one folder are judged each by itself, and one that is red makes it red.
func TestLintOfTwoClusters(t *testing.T) {
	dir := t.TempDir()
	for name, cookie := range map[string]string{"shop": "-setcookie", "broker": "-cookie"} {
		text := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: " + name + "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n" +
			"    spec: {containers: [{name: a, image: " + name + ", args: [-name, a, " + cookie + ", $(C)], env: [{name: C, value: x}]}]}\n" +
			"---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {clusterIP: None, selector: {app: " + name + "}}\n"
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, code, err := meshproof(t, "lint", "-o", "json", dir)
	var r reports.Run
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || len(r.Profiles) != 2 || code != exitcode.Fail {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	for i, want := range []int{exitcode.Fail, exitcode.OK} {
		if p := r.Profiles[i]; p.ExitCode() != want {
			t.Errorf("%s ends with %d", p.Name, p.ExitCode())
		}
	}
}

func TestLintRefuses(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	head := "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: x}\nspec:\n  cookie: {secretKeyRef: {name: s, key: k}}\n  manifests: "
	put("broken.yaml", "kind: A\nb: [\n")
	for name, c := range map[string]struct{ profile, says string }{
		"unknown profile": {"dns-z", `no profile "dns-z"`},
		"broken profile":  {put("a.yaml", "spec:\n  x: [\n"), "a.yaml:2: "},
		"misspelt key":    {put("b.yaml", head+"[m.yaml]\n  budget: {}\n"), `b.yaml:7: unknown key "budget", did you mean "budgets"?`},
		"broken manifest": {put("c.yaml", head+"[broken.yaml]\n"), "broken.yaml:2: not YAML"},
		"unknown check":   {put("e.yaml", head+"[m.yaml]\n  skip: {mesh/ful: x}\n"), `did you mean "mesh/full"?`},
		"no manifest":     {put("d.yaml", head+"[none.yaml]\n"), `no file matches "none.yaml"`},
	} {
		_, code, err := meshproof(t, "lint", c.profile)
		if err == nil || code != exitcode.Usage || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: exit code %d, error %v, want one that says %q", name, code, err, c.says)
		}
	}
}

func TestChecksInEveryForm(t *testing.T) {
	plain, _, err := meshproof(t, "checks")
	if err != nil {
		t.Fatal(err)
	}
	listed, _, err := meshproof(t, "checks", "-o", "json")
	var all []entry
	if err != nil || json.Unmarshal([]byte(listed), &all) != nil || len(all) != len(rules.All()) {
		t.Fatalf("%v, %d checks\n%s", err, len(all), listed)
	}
	for i, c := range rules.All() {
		if !strings.Contains(plain, c.ID) || all[i].ID != c.ID || len(all[i].Diagnoses) != len(c.Causes) {
			t.Errorf("%s is not described in full: %+v", c.ID, all[i])
		}
	}
	if _, code, err := meshproof(t, "checks", "-o", "xml"); err == nil || code != exitcode.Usage {
		t.Errorf("-o xml: exit code %d, %v", code, err)
	}
}

// docs/checks.md is what the command prints.
func TestCatalogueIsCurrent(t *testing.T) {
	want, _, err := meshproof(t, "checks", "-o", "markdown")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/checks.md")
	if err != nil || string(got) != want {
		t.Errorf("docs/checks.md is not what the checks say (%v); write it anew with\n  %s", err, generate)
	}
}

func TestSchemaIsPrinted(t *testing.T) {
	out, code, err := meshproof(t, "schema")
	want, e := os.ReadFile("../../../docs/profile.schema.json")
	if err != nil || e != nil || code != exitcode.OK || out != string(want) {
		t.Errorf("exit code %d, %v, %v\n%s", code, err, e, out)
	}
}

func TestCompact(t *testing.T) {
	after := []entry{{ID: "dist/a"}, {ID: "dist/b"}, {ID: "mesh/a"}, {ID: "mesh/b"}, {ID: "mesh/c"}, {ID: "console/a"}}
	for _, c := range []struct{ explains, want string }{
		{"dist/a dist/b mesh/a mesh/b console/a", "dist/* mesh/a mesh/b console/a"},
		{"dist/a", "dist/a"},
		{"", ""},
	} {
		if got := strings.Join(compact(strings.Fields(c.explains), after), " "); got != c.want {
			t.Errorf("%s became %s, want %s", c.explains, got, c.want)
		}
	}
}

// In a step of GitHub Actions a judgement is annotated and summarized there; where the output is JSON, standard output is that alone.
func TestJudgeInGitHubActions(t *testing.T) {
	red := rt.Formation(3)
	red.Change(func(e recording.Event) bool { return e.Service != nil }, func(e *recording.Event) { e.Service.ClusterIP = "10.96.7.7" })
	path, dir := wrote(t, red, 0), t.TempDir()
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(dir, "summary"))
	t.Setenv("GITHUB_OUTPUT", filepath.Join(dir, "output"))
	for form, annotated := range map[string]bool{"": true, "json": false} {
		out, code, err := meshproof(t, "judge", path, "-o", form)
		if err != nil || code != exitcode.Fail || strings.Contains(out, "\n::error title=dns-a%3A service/headless::") != annotated || strings.Contains(out, "::stop-commands::") != annotated {
			t.Errorf("form %q: exit code %d, %v\n%s", form, code, err, out)
		}
	}
	summary, _ := os.ReadFile(filepath.Join(dir, "summary"))
	outputs, _ := os.ReadFile(filepath.Join(dir, "output"))
	if strings.Count(string(summary), "## meshproof: fail (exit 1)\n") != 2 || !strings.Contains(string(outputs), "verdict=fail\nexit-code=1\nfirst-broken-rung=service\n") {
		t.Errorf("summary:\n%s\noutputs:\n%s", summary, outputs)
	}
}
