package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/inspect/inspecttest"
	"meshproof.dev/meshproof/reports"
)

// serve makes the current context of the kubeconfig that cluster.
func serve(t *testing.T, w http.Handler) {
	t.Helper()
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: prod-eu\ncontexts: [{name: prod-eu, context: {cluster: c, namespace: " + inspecttest.Namespace + "}}]\nclusters: [{name: c, cluster: {server: '" + s.URL + "'}}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
}

func verdicts(r *reports.Run) string {
	var b strings.Builder
	for _, p := range r.Profiles {
		for _, x := range p.Results {
			b.WriteString(x.ID + " " + string(x.Verdict) + " " + x.Code + "\n")
		}
	}
	return b.String()
}

// What an inspection says in each form, and what judge says of its recording, is the same, and so is the exit code.
func TestInspect(t *testing.T) {
	for word, c := range map[string]struct {
		groups [][]int
		args   string
		code   int
	}{
		"SPLIT": {[][]int{{0, 1}, {2}}, "", exitcode.Fail},
		"ALONE": {[][]int{{0}, {1}}, "deploy/shop", exitcode.Fail},
	} {
		t.Run(word, func(t *testing.T) {
			serve(t, inspecttest.New(t, c.groups...))
			save := filepath.Join(t.TempDir(), "shop.jsonl")
			var stdout, stderr bytes.Buffer
			args := append([]string{"inspect", "--save", save}, strings.Fields(c.args)...)
			code := execute(t.Context(), args, &stdout, &stderr)
			text := stdout.String()
			if code != c.code || !strings.HasPrefix(text, "context prod-eu · namespace prod · read-only · no cookie\n") || !strings.Contains(text, "\n"+word+"  shop") || stderr.Len() > 0 {
				t.Errorf("%d\n%s%s", code, text, stderr.String())
			}
			for _, part := range []string{"links (= in both", "changed last", "what it did: exec cat ", "what cannot be seen from here", "first broken: "} {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q:\n%s", part, text)
				}
			}
			again, of := inspectReport(t, "judge", "-o", "json", save)
			now, _ := inspectReport(t, append([]string{"inspect", "-o", "json"}, strings.Fields(c.args)...)...)
			if of != c.code || verdicts(again) != verdicts(now) || again.Profiles[0].Inspection == nil || again.Profiles[0].Inspection.State != word {
				t.Errorf("judge ends with %d, and says\n%s\ninspect says\n%s", of, verdicts(again), verdicts(now))
			}
		})
	}
}

// A whole cluster is green where what cannot be seen from outside is accepted, and unknown where it is not.
func TestInspectAWholeCluster(t *testing.T) {
	serve(t, inspecttest.New(t, []int{0, 1, 2}))
	r, code := inspectReport(t, "inspect", "-o", "json")
	fails := 0
	for _, x := range r.Profiles[0].Results {
		if x.Verdict == "fail" {
			fails++
			t.Logf("%s %s: %s", x.Level, x.ID, x.Message)
		}
	}
	if r.Profiles[0].Inspection.State != "WHOLE" || code == exitcode.OK || fails > 0 && code != exitcode.Fail || fails == 0 && code != exitcode.Unknown {
		t.Errorf("%d %s", code, r.Profiles[0].Inspection.State)
	}
	if r, code = inspectReport(t, "inspect", "-o", "json", "--accept-unseen"); fails == 0 && code != exitcode.OK {
		t.Errorf("%d\n%s", code, verdicts(r))
	}
}

func TestInspectPrintsItsRole(t *testing.T) {
	t.Setenv("KUBECONFIG", "/does/not/exist")
	text, code, _ := meshproof(t, "inspect", "-n", "prod", "--print-rbac")
	for _, says := range []string{"# What meshproof inspect makes use of in namespace prod.", "\nkind: Role\n", `resources: ["pods/exec"], verbs: ["create"]`, "\nkind: RoleBinding\n", "name: SUBJECT}\n"} {
		if code != 0 || !strings.HasPrefix(text, "# What") || !strings.Contains(text, says) || strings.Contains(text, "secrets") {
			t.Errorf("%d: it does not say %q:\n%s", code, says, text)
		}
	}
	if _, code, err := meshproof(t, "inspect"); code != exitcode.Unavailable || err == nil {
		t.Errorf("without a cluster: %d %v", code, err)
	}
}

func inspectReport(t *testing.T, args ...string) (*reports.Run, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), args, &stdout, &stderr)
	var r reports.Run
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Exit.Code != code || len(r.Profiles) == 0 {
		t.Fatalf("%v: %d %v\n%s%s", args, code, err, stdout.String(), stderr.String())
	}
	return &r, code
}
