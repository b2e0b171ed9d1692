package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Replace writes a file in one step: whoever reads it sees the old one or the new one, also after the machine has lost its power.
func Replace(path string, data []byte, perm os.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { _, werr := f.Write(data); return werr },
		func() error { return f.Chmod(perm) },
		f.Sync,
		f.Close,
		func() error { return os.Rename(f.Name(), path) },
	} {
		if err = step(); err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			return err
		}
	}
	return syncDir(dir)
}

// syncDir brings the names of a folder to the disk, where the file system can do that for a folder.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	_ = d.Close()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
