// Package netnstest creates network namespaces for tests.
//
// In: a test that runs as root. Out: a namespace with loopback up, which is removed at the end of the test. Without root
// the test is skipped.
package netnstest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns"
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
	if h, err = netns.Open(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	if err := h.Do(loopbackUp); err != nil {
		t.Fatal(err)
	}
	return h, cmd.Process.Pid
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

// Veth connects the namespaces of two processes with a veth pair: a has the address 10.99.0.1, b 10.99.0.2.
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
		run("nsenter", append(inside, "link", "set", "veth0", "up")...)
	}
}
