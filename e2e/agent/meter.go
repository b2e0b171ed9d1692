package agent

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Meter measures what this process uses and holds, for the heartbeats of agent and harness.
type Meter struct {
	used  time.Duration
	beats int
}

// NewMeter begins to measure.
func NewMeter() *Meter { return &Meter{used: cpuTime()} }

// everyHeld is in which of the beats it stands what the process holds: reading it costs more than the rest of a beat.
const everyHeld = 10

// Beat is the next heartbeat of an observer whose timer was late.
func (m *Meter) Beat(late time.Duration) *recording.Beat {
	now := cpuTime()
	b := &recording.Beat{Late: late, CPU: now - m.used}
	if m.used = now; m.beats%everyHeld == 0 {
		b.Memory, b.Threads = status("/proc/self/status")
		b.Descriptors = descriptors("/proc/self/fd")
	}
	m.beats++
	return b
}

// cpuTime is what this process has used of the CPU since it began, in user and kernel mode. 0 where the system does not tell.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// status reads resident memory in bytes and the number of threads, proc_pid_status(5). 0 where the system does not tell.
func status(path string) (memory int64, threads int) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(data) {
		switch w := bytes.Fields(line); {
		case len(w) == 3 && string(w[0]) == "VmRSS:" && string(w[2]) == "kB":
			kb, _ := strconv.ParseInt(string(w[1]), 10, 64)
			memory = kb << 10
		case len(w) == 2 && string(w[0]) == "Threads:":
			threads, _ = strconv.Atoi(string(w[1]))
		}
	}
	return memory, threads
}

// descriptors counts the open ones, without that by which the folder is read. 0 where the system does not tell.
func descriptors(path string) int {
	folder, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return max(0, len(names)-1)
}
