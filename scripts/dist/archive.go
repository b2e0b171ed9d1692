package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archive is one platform's file.
type archive struct{ goos, goarch, name, sha256 string }

type file struct {
	name    string
	mode    int64
	content []byte
}

// pack writes a platform's archive: the program, the licence, and the page that says what it is.
func (d *dist) pack(goos, goarch, name, bin string) (archive, error) {
	all := []file{{name: "meshproof", mode: 0o755}, {name: "LICENSE", mode: 0o644}, {name: "README.md", mode: 0o644}}
	for i, path := range []string{bin, filepath.Join(d.root, "LICENSE"), filepath.Join(d.root, "README.md")} {
		b, err := os.ReadFile(path)
		if err != nil {
			return archive{}, err
		}
		all[i].content = b
	}
	b, err := d.tar(all)
	if err != nil {
		return archive{}, err
	}
	return archive{goos, goarch, name, fmt.Sprintf("%x", sha256.Sum256(b))}, os.WriteFile(filepath.Join(d.out, name), b, 0o644)
}

// tar is a gzipped archive that depends on names, modes and contents alone: sorted, with the commit's time, owned by root.
func (d *dist) tar(all []file) ([]byte, error) {
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	for _, f := range all {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: d.time, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return packed(out.Bytes())
}

// checksums writes the sums of all files of the release, as sha256sum --check reads them.
func (d *dist) checksums() error {
	names, err := os.ReadDir(d.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, n := range names {
		if !strings.HasPrefix(n.Name(), "meshproof") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(d.out, n.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(b), n.Name())
	}
	return os.WriteFile(filepath.Join(d.out, "checksums.txt"), []byte(sums.String()), 0o644)
}
