package proc

// Started is when the process was started, in clock ticks from the machine's boot. With the PID it names a process for
// good: PIDs come back.
func (p Process) Started() uint64 { return p.start }
