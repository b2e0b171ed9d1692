package proc

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Kill sends SIGKILL to the VM of the pod with that UID. It refuses a PID that is not the pod's VM now: a PID is used again
// after its process has ended. The kernel's handle on the process is opened before that is checked, so that the signal
// cannot reach another process (pidfd_open(2)). It needs the capability KILL where the VM has another user.
func (f *Finder) Kill(uid string, pid int) error {
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(handle) }()
	f.mu.Lock()
	f.wanted[uid] = f.now()
	err = f.scan(f.now(), true)
	p := f.found[uid]
	f.mu.Unlock()
	switch {
	case err != nil:
		return err
	case p.PID != pid:
		return fmt.Errorf("process %d is not the VM of pod %s: its main process is %d (%s)", pid, uid, p.PID, p.Name)
	case !p.VM():
		return fmt.Errorf("process %d of pod %s is %s, not a VM", pid, uid, p.Name)
	}
	if err = unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("killing process %d (%s): %w", pid, p.Name, err)
	}
	return nil
}

// epmdName is how the kernel calls the process.
const epmdName = "epmd"

// KillEPMD sends SIGKILL to the epmd of the pod with that UID, and to no other process of that name on the node. As in Kill, the
// kernel's handle is opened before the process is checked. It is an error if the pod has none.
func (f *Finder) KillEPMD(uid string) error {
	names, err := f.names()
	if err != nil {
		return err
	}
	s := scan{fs: f.fs, forms: uidForms([]string{uid}), uids: []string{uid}, mounts: map[string]string{}}
	s.host, _ = os.Readlink(f.fs.path(1, "ns/mnt"))
	ours := func(pid int) bool {
		p, alive := f.fs.Process(pid)
		return alive && p.Name == epmdName && s.podOf(pid, &member{cgroup: string(s.cgroup(pid))}) == uid
	}
	killed := 0
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || !ours(pid) {
			continue
		}
		handle, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		if ours(pid) {
			err = unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0)
			killed++
		}
		_ = unix.Close(handle)
		if err != nil {
			return fmt.Errorf("killing process %d (%s): %w", pid, epmdName, err)
		}
	}
	if killed == 0 {
		return fmt.Errorf("pod %s has no process %s", uid, epmdName)
	}
	return nil
}
