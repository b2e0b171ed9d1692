package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// ofCommand reports whether the event is about the VM of a command that runs beside the node, or instead of one that has ended: a
// remote console, or ejabberdctl. What is seen of it says nothing about the node.
func (p *Pod) ofCommand(e recording.Event) bool {
	switch {
	case e.VM != nil && e.VM.OfCommand():
		if p.commands == nil {
			p.commands = map[int]bool{}
		}
		p.commands[e.VM.PID] = true
		// Its process was seen before its command line was read.
		if n := len(p.process); n > 0 && p.process[n-1].Process.PID == e.VM.PID && !p.process[n-1].Process.Exited {
			p.process = slices.Delete(p.process, n-1, n)
		}
		return true
	case e.Process != nil && e.Process.Exited:
		return p.commands[e.Process.PID]
	case e.Process != nil:
		delete(p.commands, e.Process.PID) // another process with the same number
	}
	return false
}

// VMEnded is when the pod's node was seen to end, if no other has started since. A command may have ended before its command line
// was read: it is told from the node by the number of its process.
func (p *Pod) VMEnded() (at time.Duration, ended bool) {
	if n := len(p.process); n == 0 || !p.process[n-1].Process.Exited {
		return 0, false
	}
	vm := p.VM()
	for _, e := range p.process {
		if e.Process.Exited && (vm == nil || e.Process.PID == vm.PID) {
			at, ended = e.T, true
		}
	}
	return at, ended
}
