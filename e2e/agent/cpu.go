package agent

import (
	"syscall"
	"time"
)

// CPUTime is what this process has used of the CPU since it began, in user and kernel mode: the heartbeats of agent and harness say
// what their looking costs. 0 where the system does not tell.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
