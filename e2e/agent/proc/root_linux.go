package proc

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile limits how much of a pod's file is read.
const maxFile = 64 << 10

const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// readInRoot reads the beginning of a regular file in the process's root directory, and nothing outside it. The container
// can write the file: it may be a link to the outside, a pipe without a writer, or endless.
func (fs FS) readInRoot(pid int, name string) (data []byte, cut bool, err error) {
	root, err := unix.Open(fs.path(pid, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, err
	}
	defer unix.Close(root)
	name = strings.TrimLeft(name, "/")
	fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: openFlags, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if errors.Is(err, unix.ENOSYS) {
		fd, err = openWithoutLinks(root, name) // before Linux 5.6
	}
	if err != nil {
		return nil, false, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, false, err
	} else if !info.Mode().IsRegular() {
		return nil, false, errors.New("not a regular file")
	}
	return readLimited(f, maxFile)
}

// openWithoutLinks opens a file below root, one path element after the other. It follows no links, so it cannot leave root.
func openWithoutLinks(root int, name string) (int, error) {
	at := root
	for {
		step, rest, more := strings.Cut(name, "/")
		if step == ".." {
			return -1, errors.New("the path leads to a parent folder")
		}
		flags := openFlags | unix.O_NOFOLLOW
		if more {
			flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		fd, err := unix.Openat(at, step, flags, 0)
		if at != root {
			_ = unix.Close(at)
		}
		if err != nil || !more {
			return fd, err
		}
		at, name = fd, strings.TrimLeft(rest, "/")
	}
}

// readLimited reads at most limit bytes; cut means that there are more.
func readLimited(r io.Reader, limit int) (data []byte, cut bool, err error) {
	data, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(data) > limit {
		data, cut = data[:limit], true
	}
	return data, cut, err
}
