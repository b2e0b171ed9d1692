package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

func TestOldEntriesAreRemoved(t *testing.T) {
	w := newFakeMachine(t)
	other, _, err := w.Bases(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for i, suite := range []string{"a", "b", "c", "d"} {
		w.Versions["NODE_SUITE"] = suite
		im, err := w.Node(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, im.Ref)
		used := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(filepath.Join(w.Cache, "node", tagOf(im.Ref), kindFile), used, used); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	for _, ref := range refs {
		if _, err := os.Stat(filepath.Join(w.Cache, "node", tagOf(ref))); err == nil {
			left = append(left, ref)
		}
	}
	if strings.Join(left, " ") != strings.Join(refs[1:], " ") {
		t.Errorf("of %q these are left: %q; want the newest and the two before it", refs, left)
	}
	if rm := w.calls("podman image rm"); len(rm) != 1 || !strings.HasSuffix(rm[0], refs[0]) {
		t.Errorf("removed from the engine: %q", rm)
	}
	if _, ok := w.entry("base", "", tagOf(other.Ref)[len("27-"):]).load(); !ok {
		t.Error("an entry of another kind was removed")
	}
}

func TestHalfMadeEntryIsNotUsed(t *testing.T) {
	w := newFakeMachine(t)
	e := w.entry("images/app", "app-x", "k")
	if err := e.create(); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.load(); ok {
		t.Error("an entry without a record was found")
	}
	if err := e.writeRecord(record{Ref: "r", Tar: "x.tar"}); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.load(); ok {
		t.Error("an entry without its archive was found")
	}
	if err := os.WriteFile(e.path("x.tar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r, ok := e.load(); !ok || r.Kind != "app-x" || r.Made.IsZero() {
		t.Errorf("a complete entry: %+v, %t", r, ok)
	}
}

func TestDiskRoom(t *testing.T) {
	disks := func(dir string) (uint64, int64, error) {
		if strings.HasPrefix(dir, "/data") {
			return 2, 10 * gb, nil
		}
		return 1, 4 * gb, nil
	}
	if err := checkFree("x", []need{{"/a", 2 * gb}, {"/b", 2 * gb}, {"/data", 10 * gb}}, disks); err != nil {
		t.Errorf("enough room: %v", err)
	}
	err := checkFree("building x", []need{{"/a", 3 * gb}, {"/b", 2 * gb}, {"/data/c", 11 * gb}}, disks)
	if exitcode.Of(err) != exitcode.Unavailable {
		t.Fatalf("code %d, %v", exitcode.Of(err), err)
	}
	for _, want := range []string{"not enough disk space for building x", "5.0 GB in /a and /b, where only 4.0 GB are free", "11.0 GB in /data/c, where only 10.0 GB are free"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	dir := t.TempDir()
	id, free, err := diskFree(dir)
	if err != nil || free <= 0 {
		t.Fatalf("%d, %v", free, err)
	}
	if below, _, err := diskFree(filepath.Join(dir, "not", "yet")); err != nil || below != id {
		t.Errorf("a folder that does not exist yet is on file system %d, %v; want %d", below, err, id)
	}
	if err := checkDisk("x", []need{{dir, 1 << 60}}); exitcode.Of(err) != exitcode.Unavailable {
		t.Errorf("an exabyte: %v", err)
	}
}

func TestFindRoot(t *testing.T) {
	dir := tree(t, map[string]string{"go.mod": "// x\nmodule " + module + "\n\ngo 1.26\n", "scripts/tools/go.mod": "module tools\n", "e2e/suites/x": ""})
	for _, from := range []string{dir, filepath.Join(dir, "e2e", "suites"), filepath.Join(dir, "scripts", "tools")} {
		if got, err := findRoot(from); err != nil || got != dir {
			t.Errorf("from %s: %q, %v", from, got, err)
		}
	}
	if _, err := findRoot(t.TempDir()); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "not in a checkout of "+module) {
		t.Errorf("outside: code %d, %v", exitcode.Of(err), err)
	}
}

// A program that make has linked finds its checkout from anywhere. The line of the Makefile is tried, because a variable that has moved
// would stay empty without an error.
func TestTheLinkerSetsTheCheckout(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(makefile), "'"+module+"/e2e/image.checkout=$(CURDIR)'") {
		t.Fatal("the Makefile does not link it")
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checkout = "" })
	t.Chdir(t.TempDir())
	for from, want := range map[string]string{wd: filepath.Join(wd, "../.."), "/nonexistent": "", "": ""} {
		checkout = from
		if got, err := FindRoot(); got != want || (err == nil) != (want != "") {
			t.Errorf("built in %q: %q, %v", from, got, err)
		}
	}
}
