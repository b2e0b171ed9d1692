package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

type entry struct {
	name string
	kind byte
	mode int64
}

func archived(t *testing.T, all ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, ModTime: time.Unix(1700000000, 0), Linkname: "/etc/passwd"}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.name))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write([]byte(e.name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The umask of whoever unpacks is not part of an image, and two who unpack at the same time see whole files only.
func TestUnpack(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := filepath.Join(t.TempDir(), "sources")
	packed := archived(t, entry{"scripts/node.sh", tar.TypeReg, 0o755}, entry{"scripts/Makefile", tar.TypeReg, 0o644})
	killed := filepath.Join(dir, unpacking+"1")
	if err := os.MkdirAll(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(killed, long, long); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	roots := make([]string, 8)
	for i := range roots {
		wg.Go(func() {
			root, err := unpack(dir, packed)
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(filepath.Join(root, "scripts", "Makefile")); err != nil || string(b) != "scripts/Makefile" {
				t.Errorf("%q, %v", b, err)
			}
			roots[i] = root
		})
	}
	wg.Wait()
	for name, mode := range map[string]os.FileMode{"": 0o755, "scripts": 0o755, "scripts/node.sh": 0o755, "scripts/Makefile": 0o644} {
		st, err := os.Stat(filepath.Join(roots[0], name))
		if err != nil || st.Mode().Perm() != mode || !st.IsDir() && st.ModTime().Unix() != 1700000000 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 || filepath.Join(dir, all[0].Name()) != roots[7] {
		t.Errorf("%v, %v", all, err)
	}
	if other, err := unpack(dir, archived(t, entry{"scripts/node.sh", tar.TypeReg, 0o644})); err != nil || other == roots[0] {
		t.Errorf("another release: %s, %v", other, err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	for name, e := range map[string]entry{"outside": {"../x", tar.TypeReg, 0o644}, "absolute": {"/x", tar.TypeReg, 0o644}, "link": {"x", tar.TypeSymlink, 0o644}} {
		dir := filepath.Join(t.TempDir(), "sources")
		if _, err := unpack(dir, archived(t, e)); err == nil || !strings.Contains(err.Error(), "is not a plain file") {
			t.Errorf("%s: %v", name, err)
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 0 {
			t.Errorf("%s leaves %v, %v", name, all, err)
		}
	}
}

// A program that make builds brings nothing.
func TestNothingIsBrought(t *testing.T) {
	if Present() || len(Digests()) != 0 {
		t.Error("something is embedded")
	}
	if _, err := Program("agent", "s390x"); err == nil || !strings.Contains(err.Error(), "no agent for nodes of the architecture s390x") {
		t.Error(err)
	}
}
