package proc

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile is what is read of a file of a pod.
const maxFile = 64 << 10

const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// inRoot reads the beginning of a regular file in the process's root directory, and nothing outside of it. The file is
// the container's to write: it may be a link out of it, a pipe that nobody writes to, or endless.
func (fs FS) inRoot(pid int, name string) (data []byte, cut bool, err error) {
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
		return nil, false, errors.New("it is no regular file")
	}
	return begins(f, maxFile)
}

// openWithoutLinks opens a file below root step by step: where no link is followed there is no way out.
func openWithoutLinks(root int, name string) (int, error) {
	at := root
	for {
		step, rest, more := strings.Cut(name, "/")
		if step == ".." {
			return -1, errors.New("its path leads upwards")
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

// begins reads at most the first limit bytes; cut means that there are more.
func begins(r io.Reader, limit int) (data []byte, cut bool, err error) {
	data, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(data) > limit {
		data, cut = data[:limit], true
	}
	return data, cut, err
}
