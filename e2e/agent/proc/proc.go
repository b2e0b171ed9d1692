// Package proc finds the processes of a pod in /proc, without the container runtime.
//
// In: a /proc tree and pods' UIDs. Out: process ids in the agent's PID namespace, which is the node's.
package proc

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// FS is a mounted /proc.
type FS string

// Process is one process of a pod.
type Process struct {
	PID   int
	Name  string // of the executable, shortened by the kernel: "beam.smp"
	start uint64 // clock ticks from the machine's boot to its start
}

// VM reports whether the process is a BEAM.
func (p Process) VM() bool { return strings.HasPrefix(p.Name, "beam") }

// Sandbox reports whether it is the process that only keeps the pod's namespaces open.
func (p Process) Sandbox() bool { return p.Name == "pause" }

func priority(p Process) int {
	switch {
	case p.VM():
		return 2
	case p.Sandbox():
		return 0
	default:
		return 1
	}
}

func (fs FS) path(pid int, file string) string {
	return string(fs) + "/" + strconv.Itoa(pid) + "/" + file
}

// Process reads one process; false if it is a zombie or has exited.
func (fs FS) Process(pid int) (Process, bool) {
	stat, err := os.ReadFile(fs.path(pid, "stat"))
	if err != nil {
		return Process{}, false
	}
	// "42 (beam.smp) S 1 ..."; the name may contain spaces and brackets. See proc_pid_stat(5).
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return Process{}, false
	}
	fields := strings.Fields(string(stat[shut+1:]))
	const state, start = 0, 19 // of the fields after the name; the third and the twenty-second of all
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return Process{}, false
	}
	p := Process{PID: pid, Name: string(stat[open+1 : shut])}
	if p.start, err = strconv.ParseUint(fields[start], 10, 64); err != nil {
		return Process{}, false
	}
	return p, true
}

// NetNS is the path of the process's network namespace.
func (fs FS) NetNS(pid int) string { return fs.path(pid, "ns/net") }
