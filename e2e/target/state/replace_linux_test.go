package state

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

// TestReplaceIsOnTheDisk asks the file system where a file's blocks are (Linux' Documentation/filesystems/fiemap.rst). As long as
// a file is only in memory, ext4 and others have not even chosen them.
func TestReplaceIsOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	control, path := filepath.Join(dir, "control"), filepath.Join(dir, "note")
	data := make([]byte, 8192) // more than an inode holds itself
	if err := os.WriteFile(control, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if pending, err := inMemoryOnly(control); err != nil || !pending {
		t.Skipf("this file system does not tell (%v)", err)
	}
	if err := Replace(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if pending, err := inMemoryOnly(path); err != nil || pending {
		t.Errorf("when Replace has returned, the file is in memory only: %v %v", pending, err)
	}
}

// inMemoryOnly reports whether the first extent of a file has no place on the disk yet (FIEMAP_EXTENT_DELALLOC).
func inMemoryOnly(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var m struct {
		start, length             uint64
		flags, mapped, count, _   uint32
		logical, physical, extent uint64
		_, _                      uint64
		extentFlags, _, _, _      uint32
	}
	m.length, m.count = 1<<20, 1
	const fsIocFiemap = 0xC020660B
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), fsIocFiemap, uintptr(unsafe.Pointer(&m))); errno != 0 {
		return false, errno
	}
	const delalloc = 4
	return m.mapped == 1 && m.extentFlags&delalloc != 0, nil
}
