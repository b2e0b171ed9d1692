package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

const theCookie = "fixture-cookie-of-dns-a"

// finished are the results of a run of dns-a that is over, and whose check passed.
func finished(t *testing.T) (*results, *reports.Run) {
	t.Helper()
	w, err := workload.Load("../../fixtures", "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := reports.NewDir(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &results{dir: dir, redactor: &secrets.Redactor{}}
	if err = w.Guard(s.redactor); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "artifacts", "cluster", "kubelet.log"), "kubelet says "+theCookie)
	return s, &reports.Run{Profiles: []reports.Profile{{Profile: judge.Profile{Name: "dns-a", Results: []judge.Result{{ID: "x/y", Verdict: judge.Pass}}}}}}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tree is all that stands in the files under dir.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestResultsHoldNoCookie(t *testing.T) {
	s, r := finished(t)
	s.write(r, nil)
	if r.Exit.Code != exitcode.OK || r.Trouble != "" || r.Leak {
		t.Errorf("exit %+v, trouble %q", r.Exit, r.Trouble)
	}
	if all := tree(t, s.dir); strings.Contains(all, theCookie) || !strings.Contains(all, "kubelet says (cookie)") {
		t.Errorf("the results hold the cookie, or the log lost more than it:\n%s", all)
	}
}

// A cookie that slipped into a recording ends a green run with 70. The report names file and form, and not the value.
func TestALeakEndsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		trouble    error
		code       int
		says       string
	}{
		"as it is":    {"recordings/a.jsonl", theCookie, nil, exitcode.Internal, "recordings/a.jsonl: as it is"},
		"hex":         {"recordings/a.jsonl", "666978747572652d636f6f6b69652d6f662d646e732d61", nil, exitcode.Internal, "recordings/a.jsonl: hex"},
		"its digest":  {"recordings/a.jsonl", " * Erlang cookie hash: XThKFXN5mAMXn9ZCDfd6vg==", nil, exitcode.Internal, "recordings/a.jsonl: its MD5 as base64"},
		"interrupted": {"recordings/a.jsonl", theCookie, exitcode.With(exitcode.Interrupted, errors.New("interrupted")), exitcode.Interrupted, "recordings/a.jsonl: as it is"},
		"no archive":  {"artifacts/pods.tar.gz", "\x1f\x8bbroken", nil, exitcode.Internal, "artifacts/pods.tar.gz could not be searched completely"},
	} {
		s, r := finished(t)
		put(t, filepath.Join(s.dir, c.file), c.text)
		s.write(r, c.trouble)
		if !r.Leak || r.Exit.Code != c.code || !strings.Contains(r.Trouble, c.says) || strings.Contains(r.Trouble, theCookie) {
			t.Errorf("%s: exit %+v, trouble %q", name, r.Exit, r.Trouble)
		}
		if exit, err := os.ReadFile(filepath.Join(s.dir, "exit")); err != nil || !strings.HasPrefix(string(exit), fmt.Sprintf("%d ", c.code)) {
			t.Errorf("%s: exit file %q, %v", name, exit, err)
		}
	}
}

func TestTroubleIsReportedWithoutCookies(t *testing.T) {
	s, r := finished(t)
	s.write(r, exitcode.With(exitcode.Unavailable, errors.New("the engine said "+theCookie)))
	if r.Exit.Code != exitcode.Unavailable || r.Trouble != "the engine said (cookie)" {
		t.Errorf("exit %+v, trouble %q", r.Exit, r.Trouble)
	}
}
