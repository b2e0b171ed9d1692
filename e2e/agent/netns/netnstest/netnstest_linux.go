// Package netnstest makes network namespaces for tests.
//
// In: a test that runs as root. Out: a namespace with loopback up, which ends with the test. Without root the test is
// skipped.
package netnstest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns"
)

// New makes a network namespace and gives the id of the process that lives in it, too.
func New(t testing.TB) (h *netns.Handle, pid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root may make and enter network namespaces")
	}
	cmd := exec.Command("unshare", "-n", "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// Not /proc/self: that is the main thread, which may have entered another namespace and stays there, idle, for good
	// (runtime.LockOSThread: the main thread cannot be ended).
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
			t.Fatal("unshare did not make a network namespace in 5 s")
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
