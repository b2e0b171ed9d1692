package e2e_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unguarded are the folders whose goroutines may be started without package guard: a panic there ends another process than the
// harness, or is a test's.
var unguarded = map[string]string{
	"guard":                      "it is the guard",
	"agent/fault":                "the agent's process: Kubernetes starts it again, and the harness records that",
	"agent/netns":                "the agent's process",
	"agent/netns/internal/enter": "the agent's process",
	"agent/probe":                "the agent's process",
	"agent/proc":                 "the agent's process",
	"agent/server":               "the agent's process",
	"agent/sniff":                "the agent's process",
	"cmd/agent":                  "the agent's process",
	"erldist":                    "a library of the agent, which imports nothing of ours",
	"erldist/erldisttest":        "for tests",
	"agent/netns/netnstest":      "for tests",
	"observe/remote/remotetest":  "for tests",
}

// A panic in a goroutine that nothing guards ends the process: no report, no clean-up, and an exit code that means "unknown".
func TestGoroutinesAreGuarded(t *testing.T) {
	seen, files := map[string]bool{}, token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if unguarded[dir] != "" {
			seen[dir] = true
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, at := range bare(f) {
			t.Errorf("%s: a goroutine that nothing guards: start it with guard.Go or guard.AfterFunc", files.Position(at))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range unguarded {
		if !seen[dir] {
			t.Errorf("there is no e2e/%s: it needs no exception", dir)
		}
	}
}

// bare are the places where a file starts a goroutine by itself: a go statement, the Go of a WaitGroup or of an errgroup, and what
// AfterFunc calls, but for a function that is only named, such as a cancel. A guard that tells nobody is none.
func bare(f *ast.File) (all []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			all = append(all, n.Pos())
		case *ast.CallExpr:
			s, is := n.Fun.(*ast.SelectorExpr)
			if !is || len(n.Args) == 0 {
				break
			}
			if x, named := s.X.(*ast.Ident); named && x.Name == "guard" {
				if caught, is := n.Args[min(1, len(n.Args)-1)].(*ast.Ident); is && caught.Name == "nil" {
					all = append(all, n.Pos())
				}
				break
			}
			_, literal := n.Args[len(n.Args)-1].(*ast.FuncLit)
			if s.Sel.Name == "Go" || s.Sel.Name == "AfterFunc" && literal {
				all = append(all, n.Pos())
			}
		}
		return true
	})
	return all
}

func TestBareGoroutinesAreFound(t *testing.T) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "x.go", `package x
func f() {
	go f()
	wg.Go(f)
	a.b.wg.Go(func() {})
	time.AfterFunc(1, func() {})
	context.AfterFunc(ctx, cancel)
	guard.Go(&wg, caught, f)
	guard.AfterFunc(1, caught, func() {})
	guard.Go(&wg, nil, f)
}`, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, at := range bare(f) {
		lines = append(lines, files.Position(at).Line)
	}
	if !slices.Equal(lines, []int{3, 4, 5, 6, 10}) {
		t.Errorf("found in the lines %v", lines)
	}
}
