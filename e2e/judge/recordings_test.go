package judge_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/view"
)

// update writes the verdicts instead of comparing them. Only `make record` sets it, after it has made the recordings anew.
var update = flag.Bool("update", false, "write fixtures/recordings/*/verdicts.txt")

// maxRecording keeps the tree small and the recordings readable as text, in bytes. They have had dials, and what DNS answered, since it was
// 200,000.
const maxRecording = 250_000

// Real recordings, made on a cluster by `make record`, are judged as they were when they were made. A trial in package check
// is written by the same hand as the check; a recording is not.
func TestRecordings(t *testing.T) {
	root := filepath.Join("..", "..", "fixtures", "recordings")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		names++
		t.Run(e.Name(), func(t *testing.T) { judgeRecordings(t, filepath.Join(root, e.Name())) })
	}
	if names == 0 {
		t.Errorf("%s has no recordings", root)
	}
}

func judgeRecordings(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no recording (%v)", dir, err)
	}
	var scenarios []judge.Scenario
	for _, f := range files {
		v, wrong := view.Load(f)
		if wrong != nil {
			t.Fatal(wrong)
		}
		if info, bad := os.Stat(f); bad != nil || info.Size() > maxRecording {
			t.Errorf("%s is larger than %d bytes (%v)", f, maxRecording, bad)
		}
		scenarios = append(scenarios, judge.Scenario{Name: v.Header.Scenario, View: v})
	}
	got := verdictLines(judge.Judge(filepath.Base(dir), scenarios, rules.All()))
	path := filepath.Join(dir, "verdicts.txt")
	if *update {
		if err = os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is judged otherwise than when it was made:\n%s", dir, difference(string(want), got))
	}
}

// verdictLines are a line for each check: its verdict, its id, the diagnosis of a failure, and the checks that explain what is
// blocked. The last says how the nodes looked for each other, where they have not found each other.
func verdictLines(p judge.Profile) string {
	var b strings.Builder
	for _, r := range p.Results {
		line := fmt.Sprintf("%-8s %s", r.Verdict, r.ID)
		if r.Code != "" {
			line += " (" + r.Code + ")"
		}
		var by []string
		for _, cause := range r.BlockedBy {
			id, _, _ := strings.Cut(cause, " ")
			by = append(by, id)
		}
		if slices.Sort(by); len(by) > 0 {
			line += " by " + strings.Join(slices.Compact(by), " ")
		}
		b.WriteString(line + "\n")
	}
	if p.Search != nil {
		b.WriteString("search   " + p.Search.Says + "\n")
	}
	return b.String()
}

// difference are the lines that only one of two texts has.
func difference(want, got string) string {
	var b strings.Builder
	for _, x := range []struct{ sign, text, other string }{{"-", want, got}, {"+", got, want}} {
		other := "\n" + x.other
		for line := range strings.Lines(x.text) {
			if !strings.Contains(other, "\n"+line) {
				b.WriteString(x.sign + " " + line)
			}
		}
	}
	return b.String()
}

// readFixture is the text of a real recording of a formation.
func readFixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "recordings", name, "formation.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
