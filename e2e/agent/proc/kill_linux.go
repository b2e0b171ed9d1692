package proc

import (
	"fmt"

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
