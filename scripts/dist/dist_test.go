package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/bundle"
)

// What a release brings is what git knows, complete: the modules inside the builder, which embedding a folder would leave out, and
// the modes, which are part of an image.
func TestSources(t *testing.T) {
	d := dist{root: "../..", time: time.Unix(1, 0)}
	b, err := d.sources(t.Context())
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("git is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, failed := r.Next()
		if errors.Is(failed, io.EOF) {
			break
		}
		if failed != nil {
			t.Fatal(failed)
		}
		if h.ModTime.Unix() != 1 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s: %v, %d %d %q", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname)
		}
		modes[h.Name] = h.Mode
	}
	for name, mode := range map[string]int64{
		"scripts/node-image/etcd/go.mod": 0o644, "scripts/node-image/coredns/main.go": 0o644, "scripts/node-image/node.sh": 0o755, "scripts/debian-mirror": 0o755,
		"scripts/versions.env": 0o644, "fixtures/profiles/dns-a/profile.yaml": 0o644, "fixtures/shapes/any-port/kustomization.yaml": 0o644,
		"fixtures/mutants/selector-typo/mutant.yaml": 0o644, "erlang-app/.dockerignore": 0o644, "erlang-app/Dockerfile": 0o644,
	} {
		if modes[name] != mode {
			t.Errorf("%s has mode %o, want %o", name, modes[name], mode)
		}
	}
	again, err := d.sources(t.Context())
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("made again it is another: %v", err)
	}
}

func TestArchiveAndChecksums(t *testing.T) {
	d := dist{root: "../..", out: t.TempDir(), tag: "v1.2.3", url: "https://host.example/me/meshproof/releases/download", time: time.Unix(1700000000, 0)}
	for _, old := range []string{"meshproof_0.1.0_linux_amd64.tar.gz", "checksums.txt", "mine.txt"} {
		if err := os.WriteFile(filepath.Join(d.out, old), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.empty(); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "meshproof")
	if err := os.WriteFile(bin, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := d.pack("linux", "amd64", "meshproof_1.2.3_linux_amd64.tar.gz", bin)
	if err != nil {
		t.Fatal(err)
	}
	if err = d.checksums(); err != nil {
		t.Fatal(err)
	}
	var names []string
	all, err := os.ReadDir(d.out)
	for _, f := range all {
		names = append(names, f.Name())
	}
	if want := []string{"checksums.txt", "meshproof_1.2.3_linux_amd64.tar.gz", "mine.txt"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
	c := exec.CommandContext(t.Context(), "sha256sum", "--check", "checksums.txt")
	c.Dir = d.out
	var out []byte
	if out, err = c.CombinedOutput(); err != nil || !strings.Contains(string(out), a.name+": OK") {
		t.Errorf("%v\n%s", err, out)
	}
	list, err := exec.CommandContext(t.Context(), "tar", "tvzf", filepath.Join(d.out, a.name)).Output()
	if lines := strings.Split(strings.TrimSpace(string(list)), "\n"); err != nil || len(lines) != 3 || !strings.HasSuffix(lines[0], " LICENSE") ||
		!strings.HasPrefix(lines[2], "-rwxr-xr-x 0/0 ") || !strings.HasSuffix(lines[2], " meshproof") {
		t.Errorf("%v\n%s", err, list)
	}
	for _, want := range []string{"  version: \"v1.2.3\"\n", "uri: https://host.example/me/meshproof/releases/download/v1.2.3/" + a.name + "\n", "sha256: " + a.sha256 + "\n", "homepage: https://host.example/me/meshproof\n"} {
		if k := string(d.krew([]archive{a})); !strings.Contains(k, want) {
			t.Errorf("%q is not in\n%s", want, k)
		}
	}
}

// Nothing that a run reads from the sources may be missing in a release.
func TestTreesExist(t *testing.T) {
	for _, tree := range bundle.Trees() {
		if _, err := os.Stat(filepath.Join("../..", tree)); err != nil {
			t.Error(err)
		}
	}
}
