package proc

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A real process stands for a VM; the tree of /proc says whose it is.
func TestKill(t *testing.T) {
	start := func() *exec.Cmd {
		c := exec.Command("sleep", "60")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		return c
	}
	vm, shell, stranger := start(), start(), start()
	fs := write(t,
		entry{pid: vm.Process.Pid, name: "beam.smp", cgroup: systemd(a)},
		entry{pid: stranger.Process.Pid, name: "postgres", cgroup: "0::/system.slice\n"},
		entry{pid: shell.Process.Pid, name: "sh", cgroup: systemd(b)},
	)
	f := NewFinder(fs)
	for _, x := range []struct {
		uid  string
		pid  int
		says string
	}{
		{a, stranger.Process.Pid, "is not the VM of pod"},
		{a, shell.Process.Pid, "is not the VM of pod"},
		{b, shell.Process.Pid, "not a VM"},
		{a, 1 << 29, "process 536870912"},
	} {
		if err := f.Kill(x.uid, x.pid); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("killing %d of %s: %v, want an error that says %q", x.pid, x.uid, err, x.says)
		}
	}
	if err := f.Kill(a, vm.Process.Pid); err != nil {
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := vm.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:errcheck,forcetypeassert // it is one on Linux
		t.Errorf("the VM ended with %v, want SIGKILL", err)
	}
	for _, c := range []*exec.Cmd{shell, stranger} {
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("process %d is gone, too: %v", c.Process.Pid, err)
		}
	}
}

// Of three processes called epmd only the one in the pod is killed.
func TestKillEPMD(t *testing.T) {
	start := func() *exec.Cmd {
		c := exec.Command("sleep", "60")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		return c
	}
	mine, other, node, vm := start(), start(), start(), start()
	f := NewFinder(write(t,
		entry{pid: mine.Process.Pid, name: "epmd", cgroup: systemd(a)},
		entry{pid: vm.Process.Pid, name: "beam.smp", cgroup: systemd(a)},
		entry{pid: other.Process.Pid, name: "epmd", cgroup: systemd(b)},
		entry{pid: node.Process.Pid, name: "epmd", cgroup: "0::/system.slice\n"},
	))
	if err := f.KillEPMD("no-such-pod"); err == nil || !strings.Contains(err.Error(), "has no process epmd") {
		t.Errorf("a pod without epmd: %v", err)
	}
	if err := f.KillEPMD(a); err != nil {
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := mine.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:errcheck,forcetypeassert // it is one on Linux
		t.Errorf("epmd ended with %v, want SIGKILL", err)
	}
	for _, c := range []*exec.Cmd{other, node, vm} {
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("process %d is gone, too: %v", c.Process.Pid, err)
		}
	}
}
