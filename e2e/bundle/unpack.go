package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Unpack makes the sources that this program brings available in the cache folder, and returns their root. They lie in a folder
// that is named for their content: other releases have others, and it is unpacked once.
func Unpack(cache string) (string, error) {
	packed, err := files.ReadFile(Folder + "/" + Sources)
	if err != nil {
		return "", err
	}
	return unpack(filepath.Join(cache, "sources"), packed)
}

// unpacking is the prefix of folders that are not complete yet.
const unpacking = ".unpacking-"

func unpack(dir string, packed []byte) (string, error) {
	sum := sha256.Sum256(packed)
	root := filepath.Join(dir, hex.EncodeToString(sum[:])[:16])
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("unpack our own sources: %w", err)
	}
	removeKilled(dir)
	temp, err := os.MkdirTemp(dir, unpacking)
	if err != nil {
		return "", fmt.Errorf("unpack our own sources: %w", err)
	}
	defer os.RemoveAll(temp)
	if err = extract(temp, packed); err == nil {
		err = openFolders(temp)
	}
	// Nobody sees a part of it: the name appears with the last step. Whoever was faster has unpacked the same.
	if err == nil {
		if err = os.Rename(temp, root); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("unpack our own sources into %s: %w", root, err)
	}
	return root, nil
}

// openFolders undoes what the umask took from folders: they are copied into images, too.
func openFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// removeKilled removes what processes left that were killed while they unpacked.
func removeKilled(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, unpacking+"*"))
	for _, d := range old {
		if st, err := os.Stat(d); err == nil && time.Since(st.ModTime()) > time.Hour {
			_ = os.RemoveAll(d)
		}
	}
}

// extract writes the files with the modes and times of the archive: a mode is part of what an image is built from, and a Makefile
// compares times.
func extract(dir string, packed []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) || h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is not a plain file", h.Name)
		}
		b, err := io.ReadAll(t)
		if err != nil {
			return err
		}
		path, mode := filepath.Join(dir, h.Name), fs.FileMode(h.Mode).Perm()
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err = os.WriteFile(path, b, mode); err != nil {
			return err
		}
		// The umask may have taken something away.
		if err = errors.Join(os.Chmod(path, mode), os.Chtimes(path, h.ModTime, h.ModTime)); err != nil {
			return err
		}
	}
}
