package image

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTreeKey(t *testing.T) {
	key := func(dir string) string {
		t.Helper()
		k := newKeyer()
		if err := k.addTree(dir, func(rel string, _ bool) bool { return rel == "skipped" }); err != nil {
			t.Fatal(err)
		}
		return k.key()
	}
	files := map[string]string{"a": "1", "d/b": "2"}
	dir := tree(t, files)
	first := key(dir)
	if key(tree(t, files)) != first {
		t.Error("the same content in another folder has another key")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a"), old, old); err != nil {
		t.Fatal(err)
	}
	if key(dir) != first {
		t.Error("another modification time gives another key")
	}
	if key(tree(t, map[string]string{"a": "1", "d/b": "2", "skipped/c": "3"})) != first {
		t.Error("a skipped file changes the key")
	}
	for name, other := range map[string]map[string]string{
		"a changed byte":  {"a": "1", "d/b": "3"},
		"another name":    {"a": "1", "d/c": "2"},
		"another folder":  {"a": "1", "b": "2"},
		"one file more":   {"a": "1", "d/b": "2", "e": ""},
		"moved content":   {"a": "2", "d/b": "1"},
		"joined contents": {"a": "12", "d/b": ""},
	} {
		if key(tree(t, other)) == first {
			t.Errorf("%s: the same key", name)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if key(dir) == first {
		t.Error("made executable: the same key")
	}
	to := func(target string) string {
		dir := tree(t, files)
		if err := os.Symlink(target, filepath.Join(dir, "l")); err != nil {
			t.Fatal(err)
		}
		return key(dir)
	}
	if to("a") == to("d/b") {
		t.Error("a link with another target: the same key")
	}
}

func TestIgnore(t *testing.T) {
	ig, err := parseIgnore("# note\n_build\n*.md\n!README.md\n/top\ndoc/**/*.txt\n**/tmp\nlib/[ab].c\n")
	if err != nil {
		t.Fatal(err)
	}
	for path, out := range map[string]bool{
		"_build":            true,
		"_build/lib/x.beam": true,
		"src/_build":        false,
		"notes.md":          true,
		"README.md":         false,
		"src/notes.md":      false, // "*" does not cross a slash
		"top":               true,
		"src/top":           false,
		"doc/a.txt":         true,
		"doc/x/y/a.txt":     true,
		"doc/a.html":        false,
		"tmp":               true,
		"a/b/tmp/c":         true,
		"attmp":             false,
		"lib/a.c":           true,
		"lib/c.c":           false,
		"# note":            false,
	} {
		if got := ig.skip(path, false); got != out {
			t.Errorf("%s: left out %t, want %t", path, got, out)
		}
	}
	if ig.skip("_build", true) {
		t.Error("a folder is skipped although a pattern may include one of its files again")
	}
	all, err := parseIgnore("*\n!src\n!src/*.erl")
	if err != nil {
		t.Fatal(err)
	}
	if all.skip("src/a.erl", false) || !all.skip("test/a.erl", false) {
		t.Error("everything but src: src is out, or test is in")
	}
	if _, err := parseIgnore("a[b"); err == nil {
		t.Error("a pattern with an open class was accepted")
	}
}
