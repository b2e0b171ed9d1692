package proc

// Started is the start time of the process, in clock ticks since the machine's boot. PIDs are reused; a PID together with
// its start time is unique.
func (p Process) Started() uint64 { return p.start }
