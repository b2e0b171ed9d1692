package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	const pass = `{"Action":"pass","Package":"p","Elapsed":0.1}`
	const fail = `{"Action":"fail","Package":"p","Elapsed":0.1}`
	for _, c := range []struct {
		name                    string
		events                  []string
		passed, failed, skipped int
		runErr                  error
		says                    []string
	}{
		{
			name: "a test with subtests is not counted in addition to them",
			events: []string{
				`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"pass","Package":"p","Test":"A/x"}`,
				`{"Action":"pass","Package":"p","Test":"A/y"}`, `{"Action":"pass","Package":"p","Test":"A"}`, pass,
			},
			passed: 2,
		},
		{
			name: "one failed subtest is one failure, and the output of its parents is shown",
			events: []string{
				`{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:3: from the parent\n"}`,
				`{"Action":"run","Package":"p","Test":"A/x"}`,
				`{"Action":"output","Package":"p","Test":"A/x/y","Output":"    a_test.go:4: got 1\n"}`,
				`{"Action":"fail","Package":"p","Test":"A/x/y"}`, `{"Action":"fail","Package":"p","Test":"A/x"}`,
				`{"Action":"pass","Package":"p","Test":"A/z"}`, `{"Action":"fail","Package":"p","Test":"A"}`, fail,
			},
			passed: 1, failed: 1, runErr: errors.New("exit status 1"),
			says: []string{"got 1", "from the parent", "failed:\n  p A/x/y\n"},
		},
		{
			name: "a parent that fails by itself counts, whatever its subtests did",
			events: []string{
				`{"Action":"run","Package":"p","Test":"A"}`,
				`{"Action":"pass","Package":"p","Test":"A/x"}`, `{"Action":"skip","Package":"p","Test":"A/y"}`,
				`{"Action":"fail","Package":"p","Test":"A"}`, fail,
			},
			passed: 1, failed: 1, skipped: 1,
		},
		{
			name: "a slash in a subtest's name does not make another test",
			events: []string{
				`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"run","Package":"p","Test":"A/x/y"}`,
				`{"Action":"fail","Package":"p","Test":"A/x/y"}`, `{"Action":"fail","Package":"p","Test":"A"}`, fail,
			},
			failed: 1, says: []string{"failed:\n  p A/x/y\n"},
		},
		{
			name: "a skip shows its reason, which may be split over output events",
			events: []string{
				`{"Action":"output","Package":"p","Test":"A","Output":"=== RUN   A\n"}`,
				`{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:12: no erl on"}`,
				`{"Action":"output","Package":"p","Test":"A","Output":" PATH\n--- SKIP: A (0.00s)\n"}`,
				`{"Action":"skip","Package":"p","Test":"A"}`, `{"Action":"pass","Package":"p","Test":"B"}`, pass,
			},
			passed: 1, skipped: 1,
			says: []string{"skipped:\n  no erl on PATH\n    p A\n"},
		},
		{
			name: "a package that does not build is one failure with the compiler's output",
			events: []string{
				`{"Action":"build-output","ImportPath":"p [p.test]","Output":"p/p.go:3:1: undefined: x\n"}`,
				`{"Action":"build-fail","ImportPath":"p [p.test]"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
				`{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}`,
			},
			failed: 1, says: []string{"undefined: x", "failed:\n  p\n"},
		},
		{
			name: "a package that fails outside its tests is one failure, with its output",
			events: []string{
				`{"Action":"pass","Package":"p","Test":"A"}`,
				`{"Action":"output","Package":"p","Output":"TestMain gave up\n"}`, fail,
			},
			passed: 1, failed: 1, says: []string{"TestMain gave up"},
		},
		{
			name: "a test that never ended has failed, also if the go command ended with it",
			events: []string{
				`{"Action":"run","Package":"p","Test":"A"}`,
				`{"Action":"output","Package":"p","Test":"A","Output":"halfway\n"}`,
			},
			failed: 1, says: []string{"halfway", "did not end"},
		},
		{
			name:   "a failure that no event explains is one failure",
			events: []string{`{"Action":"pass","Package":"p","Test":"A"}`, pass},
			passed: 1, failed: 1, runErr: errors.New("exit status 2"), says: []string{"exit status 2"},
		},
		{
			name:   "a package without tests is no test",
			events: []string{`{"Action":"skip","Package":"p","Elapsed":0}`},
			says:   []string{"proves nothing"},
		},
		{
			name: "a cached package counts and is marked as cached",
			events: []string{
				`{"Action":"pass","Package":"p","Test":"A","Elapsed":9}`,
				`{"Action":"output","Package":"p","Output":"ok  \tp\t(cached)\n"}`, pass,
			},
			passed: 1, says: []string{"1 passed, cached", "1 of them from Go's test cache"},
		},
		{
			name:   "a line that is not an event is shown",
			events: []string{"go: downloading x", `{"Action":"pass","Package":"p","Test":"A"}`, pass},
			passed: 1, says: []string{"go: downloading x\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			got := newTally(&out)
			if err := got.read(strings.NewReader(strings.Join(c.events, "\n") + "\n")); err != nil {
				t.Fatal(err)
			}
			got.finish(c.runErr, false, time.Second)
			if got.passed != c.passed || got.failed != c.failed || got.skipped != c.skipped {
				t.Errorf("counted %d passed, %d failed, %d skipped; want %d, %d, %d",
					got.passed, got.failed, got.skipped, c.passed, c.failed, c.skipped)
			}
			for _, s := range c.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("the output lacks %q", s)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s", out.String())
			}
		})
	}
}

// With real events of the go command.
func TestRealRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module meshproof.dev/meshproof\n\ngo 1.26.0\n",
		"a/a_test.go":    "package a\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Run(\"x\", func(t *testing.T) { t.Error(\"seen\") }); t.Run(\"y\", func(*testing.T) {}) }\nfunc TestS(t *testing.T) { t.Skip(\"because: so\") }\n",
		"b/b_test.go":    "package b\nimport \"testing\"\nfunc TestP(*testing.T) { panic(\"boom\") }\n",
		"c/c_test.go":    "package c\nvar x int = \"no\"\n",
		"d/d_test.go":    "package d\nimport \"no/such/thing\"\nvar _ = thing.X\n",
		"none/none.go":   "package none\n",
		"nested/go.mod":  "module nested\n",
		"nested/nest.go": "package nested\nthis does not parse\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-json", "./...")
	cmd.Dir = dir
	stdout, runErr := cmd.Output()
	var out bytes.Buffer
	got := newTally(&out)
	if err := got.read(bytes.NewReader(stdout)); err != nil {
		t.Fatal(err)
	}
	got.finish(runErr, false, time.Second)
	if !strings.HasSuffix(out.String(), "\n1 passed, 4 failed, 1 skipped\n") {
		t.Errorf("wrong counts")
	}
	for _, s := range []string{
		"a_test.go:3: seen", "boom", "c_test.go:2:13:", "no/such/thing", "  because: so\n    a TestS\n",
		"failed:\n  a TestA/x\n  b TestP\n  c\n  d\n",
	} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("the output lacks %q", s)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", out.String())
	}
}
