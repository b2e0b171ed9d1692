package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

func stuck() []Leftover {
	return []Leftover{
		{What: "namespace shop-1", Why: "phase Terminating; Some content in the namespace has finalizers remaining", Remove: "kubectl --context prod delete namespace shop-1"},
		{What: "clusterrole shop", Why: "it still exists"},
	}
}

// What was left behind ends a run with 70, unless something failed, and every output names it.
func TestLeftoversAreInEveryOutput(t *testing.T) {
	for want, verdict := range map[int]judge.Verdict{exitcode.Internal: judge.Unknown, exitcode.Fail: judge.Fail} {
		r := run(judge.Pass, verdict)
		r.Leftovers = stuck()
		r.Close(nil, began)
		dir, err := NewDir(t.TempDir(), began)
		if err == nil {
			err = Write(dir, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit.Code != want || r.Counts.Failed != 2 {
			t.Errorf("exit %d, %d failed; want %d, 2", r.Exit.Code, r.Counts.Failed, want)
		}
		var back Run
		if err = json.Unmarshal([]byte(text(t, dir, "report.json")), &back); err != nil || len(back.Leftovers) != 2 || back.Leftovers[0] != stuck()[0] {
			t.Errorf("report.json has %+v, %v", back.Leftovers, err)
		}
		junit := text(t, dir, "junit.xml")
		for _, says := range []string{`name="run/clean-up"`, `<error type="internal" message="left behind: namespace shop-1, clusterrole shop">`, "finalizers remaining", "kubectl --context prod delete namespace shop-1"} {
			if !strings.Contains(junit, says) {
				t.Errorf("%q is not in\n%s", says, junit)
			}
		}
		if exit := text(t, dir, "exit"); exit != map[int]string{exitcode.Internal: "70 internal\n", exitcode.Fail: "1 fail\n"}[want] {
			t.Errorf("the exit file has %q", exit)
		}
		var b bytes.Buffer
		Console{W: &b}.Closing(r, dir)
		says := "\nleft behind\n  namespace shop-1\n      phase Terminating; Some content in the namespace has finalizers remaining\n      remove it with: kubectl --context prod delete namespace shop-1\n  clusterrole shop\n      it still exists\n"
		if !strings.HasPrefix(b.String(), says) || !strings.Contains(b.String(), "skipped\nleft behind: namespace shop-1, clusterrole shop\n") {
			t.Errorf("the console says\n%s", b.String())
		}
	}
}

// A run that was interrupted, or that had trouble of its own, names them, too.
func TestLeftoversBesideTrouble(t *testing.T) {
	r := run(judge.Pass)
	r.Leftovers = stuck()
	r.Close(exitcode.With(exitcode.Interrupted, errors.New("by a signal")), began)
	var b bytes.Buffer
	if err := JUnit(&b, r); err != nil || r.Exit.Code != exitcode.Interrupted {
		t.Fatal(r.Exit, err)
	}
	if s := b.String(); !strings.Contains(s, `<testsuite name="run" tests="2" failures="0" errors="2"`) || !strings.Contains(s, `name="run/setup"`) {
		t.Errorf("written:\n%s", s)
	}
}

func TestLeftoversOfAKillMatrix(t *testing.T) {
	m := matrix()
	m.Rows = m.Rows[:1] // the right one
	m.Run.Leftovers = stuck()
	m.Run.Close(nil, began)
	m.Close(began)
	if m.Run.Exit.Code != exitcode.Internal || m.Run.Counts.Failed != 1 {
		t.Errorf("exit %+v, %+v", m.Run.Exit, m.Run.Counts)
	}
	dir, err := NewDir(t.TempDir(), began)
	if err == nil {
		err = WriteMatrix(dir, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	Console{W: &b}.Matrix(m)
	for name, s := range map[string]string{"console": b.String(), "matrix.json": text(t, dir, "matrix.json"), "matrix.md": text(t, dir, "matrix.md"), "junit.xml": text(t, dir, "junit.xml"), "report.json": text(t, dir, "report.json")} {
		for _, says := range []string{"namespace shop-1", "finalizers remaining", "kubectl --context prod delete namespace shop-1", "clusterrole shop"} {
			if !strings.Contains(s, says) {
				t.Errorf("%q is not in %s:\n%s", says, name, s)
			}
		}
	}
	if exit := text(t, dir, "exit"); exit != "70 internal\n" {
		t.Errorf("the exit file has %q", exit)
	}
}

func text(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
