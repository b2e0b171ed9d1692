package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/image"
)

// brought is what every platform's program brings.
type brought struct {
	programs []string // of the agent's image, not compressed
	overlay  string   // file by which the compiler finds it all
}

// bundle makes what a program brings: sources and the agent's programs. They lie in the temporary folder, and the compiler is told
// to see them in the package's own.
func (d *dist) bundle(ctx context.Context) (brought, error) {
	var b brought
	sources, err := d.sources(ctx)
	if err != nil {
		return b, err
	}
	embedded := map[string][]byte{bundle.Sources: sources}
	var sums strings.Builder
	for _, goarch := range bundle.Architectures() {
		for _, name := range bundle.Programs() {
			fmt.Println("dist:", name, "for linux/"+goarch)
			file := filepath.Join(d.work, name+"-linux-"+goarch)
			c := image.Compile(ctx, d.root, name, goarch, file)
			c.Env, c.Stderr = append(c.Env, "GOFLAGS="), os.Stderr
			if err = c.Run(); err != nil {
				return b, err
			}
			var bin []byte
			if bin, err = os.ReadFile(file); err != nil {
				return b, err
			}
			if embedded[bundle.ProgramFile(name, goarch)], err = packed(bin); err != nil {
				return b, err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(bin), filepath.Base(file))
			b.programs = append(b.programs, file)
		}
	}
	embedded[bundle.Sums] = []byte(sums.String())
	b.overlay, err = d.overlay(embedded)
	return b, err
}

// overlay writes the files, and the file for -overlay.
func (d *dist) overlay(embedded map[string][]byte) (string, error) {
	root, err := filepath.Abs(d.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, content := range embedded {
		file := filepath.Join(d.work, name)
		if err = os.WriteFile(file, content, 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, "e2e", "bundle", bundle.Folder, name)] = file
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(d.work, "overlay.json")
	return file, os.WriteFile(file, b, 0o644)
}

// sources is an archive of what git knows below the trees.
func (d *dist) sources(ctx context.Context) ([]byte, error) {
	list, err := d.git(ctx, append([]string{"ls-files", "--stage", "-z", "--"}, bundle.Trees()...)...)
	if err != nil {
		return nil, err
	}
	var all []file
	for line := range strings.SplitSeq(strings.Trim(list, "\x00"), "\x00") {
		kind, name, ok := strings.Cut(line, "\t") // "100644 HASH 0\tNAME"
		mode := map[string]int64{"100644": 0o644, "100755": 0o755}[strings.SplitN(kind, " ", 2)[0]]
		if !ok || mode == 0 {
			return nil, fmt.Errorf("%s is not a plain file", line)
		}
		b, err := os.ReadFile(filepath.Join(d.root, name))
		if err != nil {
			return nil, err
		}
		all = append(all, file{name, mode, b})
	}
	return d.tar(all)
}

func packed(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err = z.Write(b); err != nil {
		return nil, err
	}
	if err = z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
