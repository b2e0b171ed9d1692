package proc

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// What is read of a pod's resolv.conf, and how many servers a resolver asks at most (resolv.conf(5), MAXNS).
const (
	maxResolvConf = 64 << 10
	maxServers    = 3
)

// Resolvers reads the name servers of the process's own resolv.conf: literal addresses, in the order in which they are
// to be asked. The file is the container's to write: it may be a link out of it, a pipe that nobody writes to, or endless.
func (fs FS) Resolvers(pid int) ([]string, error) {
	data, err := fs.inRoot(pid, "etc/resolv.conf")
	if err != nil {
		return nil, fmt.Errorf("the pod's resolv.conf: %w", err)
	}
	var servers []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" || len(servers) == maxServers {
			continue
		}
		if _, err := netip.ParseAddr(f[1]); err == nil {
			servers = append(servers, f[1])
		}
	}
	if len(servers) == 0 {
		return nil, errors.New("the pod's resolv.conf names no server")
	}
	return servers, nil
}

// inRoot reads the beginning of a regular file in the process's root directory, and nothing outside of it.
func (fs FS) inRoot(pid int, name string) ([]byte, error) {
	root, err := unix.Open(fs.path(pid, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ENOSYS) {
		// Before Linux 5.6. Without links there is no way out.
		fd, err = unix.Openat(root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return io.ReadAll(io.LimitReader(f, maxResolvConf))
}
