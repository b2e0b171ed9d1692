package proc

import (
	"strconv"
	"strings"
)

// What stands in files of /proc, whoever has read them: the agent, or cat in a container.

// Args are the arguments of a command line (/proc/PID/cmdline) without the program and without cookies.
func Args(cmdline []byte, known Secrets) []string {
	return known.redactArgs(parseCmdline(cmdline, false))
}

// Status is what /proc/PID/status says.
type Status struct {
	Name        string
	NSPID       int // in its innermost PID namespace
	IgnoresTerm bool
}

// ParseStatus parses the text of /proc/PID/status; ok is false if it is another text.
func ParseStatus(text string) (s Status, ok bool) {
	for line := range strings.Lines(text) {
		if name, is := strings.CutPrefix(line, "Name:"); is {
			s.Name, ok = strings.TrimSpace(name), true
			break
		}
	}
	s.NSPID, s.IgnoresTerm = parseNSPID(text), ignoresTerm(text)
	return s, ok
}

// VM reports whether the process is a BEAM.
func (s Status) VM() bool { return Process{Name: s.Name}.VM() }

// parseCmdline returns the arguments without the program. An argument that is cut off is left out: it could be half of a
// cookie.
func parseCmdline(data []byte, cut bool) []string {
	args := strings.Split(string(data), "\x00")
	// The last argument ends in a zero, too, unless it is cut off or the process has overwritten it.
	if last := len(args) - 1; cut || args[last] == "" {
		args = args[:last]
	}
	if len(args) < 2 {
		return nil
	}
	return args[1:]
}

// parseNSPID parses the process's id in its innermost PID namespace, 0 if there is none.
func parseNSPID(status string) int {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			if len(f) == 0 {
				return 0
			}
			pid, err := strconv.Atoi(f[len(f)-1])
			if err != nil || pid < 0 {
				return 0
			}
			return pid
		}
	}
	return 0
}

// ignoresTerm reports whether a process neither handles SIGTERM nor blocks it, from its status (proc_pid_status(5)). A
// program that waits for signals blocks them (tini, dumb-init). If such a process is 1 of its PID namespace, the kernel
// discards the signal (pid_namespaces(7)).
func ignoresTerm(status string) bool {
	const term = 1 << (15 - 1) // SIGTERM on Linux
	known, takes := false, false
	for line := range strings.Lines(status) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigBlk" {
			continue
		}
		if set, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err == nil {
			known, takes = true, takes || set&term != 0
		}
	}
	return known && !takes
}
