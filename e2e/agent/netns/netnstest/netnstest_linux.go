// Package netnstest creates network namespaces for tests.
//
// In: a test that runs as root. Out: a namespace with loopback up, which is removed at the end of the test. Without root
// the test is skipped.
package netnstest

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/internal/enter"
)

// New creates a network namespace. pid is the process that runs in it.
func New(t testing.TB) (h *netns.Handle, pid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to create and enter network namespaces")
	}
	cmd := exec.Command("unshare", "-n", "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// Not /proc/self: it shows the main thread, which may have entered another namespace and stays there, idle, because Go
	// cannot end it (runtime.LockOSThread).
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if its, gone := os.Readlink(path); gone == nil && its != own {
			break
		}
		if time.Now().After(end) {
			t.Fatal("unshare did not create a network namespace within 5 s")
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err = enter.Do(f, loopbackUp); err != nil {
		t.Fatal(err)
	}
	if h, err = netns.NewDoor(Proc(t, cmd.Process.Pid)).Pod(cmd.Process.Pid, netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, cmd.Process.Pid
}

// Proc is a /proc of the machine that the test takes for a node: its process 1 is the test's own, and of all others it has
// only pids. The machine's process 1 may not be looked at from inside a container.
func Proc(t testing.TB, pids ...int) string {
	t.Helper()
	root := t.TempDir()
	for name, pid := range map[int]int{1: os.Getpid(), os.Getpid(): os.Getpid()} {
		Link(t, root, name, pid)
	}
	for _, pid := range pids {
		Link(t, root, pid, pid)
	}
	return root
}

// Link adds a process to such a /proc, as the process of that name.
func Link(t testing.TB, root string, name, pid int) {
	t.Helper()
	if err := os.Symlink("/proc/"+strconv.Itoa(pid), filepath.Join(root, strconv.Itoa(name))); err != nil {
		t.Fatal(err)
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// Veth connects the namespaces of two processes with a veth pair: a has the addresses 10.99.0.1 and fd00:99::1, b 10.99.0.2 and fd00:99::2.
func Veth(t testing.TB, a, b int) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the command ip to connect the namespaces")
	}
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
	}
	run("ip", "link", "add", "veth0", "netns", strconv.Itoa(a), "type", "veth", "peer", "name", "veth0", "netns", strconv.Itoa(b))
	for i, pid := range []int{a, b} {
		inside := []string{"-t", strconv.Itoa(pid), "-n", "ip"}
		run("nsenter", append(inside, "addr", "add", fmt.Sprintf("10.99.0.%d/24", i+1), "dev", "veth0")...)
		run("nsenter", append(inside, "-6", "addr", "add", fmt.Sprintf("fd00:99::%d/64", i+1), "dev", "veth0", "nodad")...)
		run("nsenter", append(inside, "link", "set", "veth0", "up")...)
	}
}
