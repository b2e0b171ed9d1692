package keeper

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// commandsOfOurs counts the other processes of our process group: kind's engine commands. Processes that the engine keeps running
// (conmon) have a session of their own, and so has our clean-up.
func commandsOfOurs() int { return inGroup(syscall.Getpgrp(), os.Getpid()) }

// inGroup counts the processes of a process group, without one of them.
func inGroup(group, self int) int {
	if entries, err := os.ReadDir("/proc"); err == nil && len(entries) > 0 {
		n := 0
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == self {
				continue
			}
			if g, zombie := groupOf(pid); g == group && !zombie {
				n++
			}
		}
		return n
	}
	c := exec.Command("ps", "-A", "-o", "pid=,pgid=") // no /proc: not Linux
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.Output()
	if err != nil {
		return 0
	}
	n := 0
	for _, line := range strings.Split(string(out), "\n") {
		f := strings.Fields(line)
		if len(f) == 2 && f[1] == strconv.Itoa(group) && f[0] != strconv.Itoa(self) {
			n++
		}
	}
	return n
}

// groupOf reads proc_pid_stat(5): "pid (name) state ppid pgrp …", where the name may hold spaces and parentheses.
func groupOf(pid int) (group int, zombie bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 3 {
		return 0, false
	}
	group, err = strconv.Atoi(f[2])
	if err != nil {
		return 0, false
	}
	return group, f[0] == "Z"
}
