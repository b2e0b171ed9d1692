package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyer computes the cache key of an image from its inputs. Only content counts, and neither times nor owners nor the path
// of the checkout, so that two clones share the cache.
type keyer struct{ h hash.Hash }

func newKeyer() keyer { return keyer{sha256.New()} }

// add adds fields, each with its length, so that different lists of fields have different keys.
func (k keyer) add(fields ...string) {
	for _, f := range fields {
		fmt.Fprintf(k.h, "%d:%s", len(f), f)
	}
}

// key is the first 16 hex digits: 64 bits are enough to distinguish the states of the inputs.
func (k keyer) key() string { return hex.EncodeToString(k.h.Sum(nil))[:16] }

// addTree adds every file below dir: its path relative to dir, whether it is executable and its content; of a symbolic link
// its target. skip leaves out files and whole folders; it gets the relative path with slashes. Sockets, pipes and devices
// are an error: no builder can copy them.
func (k keyer) addTree(dir string, skip func(rel string, isDir bool) bool) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == dir {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if skip != nil && skip(rel, d.IsDir()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			k.add("link", rel, to)
			return nil
		case d.Type().IsRegular():
			return k.addFile(rel, path)
		}
		return fmt.Errorf("%s is not a file, folder or symbolic link", path)
	})
}

func (k keyer) addFile(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	kind := "file"
	if info.Mode()&0o111 != 0 {
		kind = "executable"
	}
	k.add(kind, name, hex.EncodeToString(sum.Sum(nil)))
	return nil
}

// skipBuilder skips the files of a builder's folder that its Makefile does not read: hidden files, editors' backups,
// documentation.
func skipBuilder(rel string, _ bool) bool {
	base := filepath.Base(rel)
	return strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".md")
}
