package view_test

import (
	"cmp"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// The VM of a command in a pod says nothing about the pod's node: neither while the node runs, nor after it has ended.
func TestCommands(t *testing.T) {
	at := func(seconds int, e recording.Event) recording.Event {
		e.T, e.By = time.Duration(seconds)*time.Second, rt.Agent
		return e
	}
	process := func(pid int, exited bool) recording.Event {
		return recording.Event{Process: &recording.Process{Pod: rt.UID(0), PID: pid, Exited: exited}}
	}
	vm := func(pid int, name string) recording.Event {
		return recording.Event{VM: &recording.VM{Pod: rt.UID(0), PID: pid, Args: []string{"-name", name}}}
	}
	node := fold(t, rt.Formation(3)).Pods()[0].VM().PID
	for _, c := range []struct {
		name   string
		events []recording.Event
		ended  time.Duration
		pid    int
	}{
		{"beside the node", []recording.Event{at(6, process(90, false)), at(6, vm(90, "undefined@x")), at(7, process(90, true))}, 0, 0},
		{"after the node has ended", []recording.Event{at(6, process(node, true)), at(7, process(90, false)), at(7, vm(90, "undefined@x")), at(8, process(90, true))}, 6 * time.Second, 0},
		{"that ended before its command line was read", []recording.Event{at(6, process(node, true)), at(7, process(91, false)), at(7, process(91, true))}, 6 * time.Second, 0},
		{"then the next node, with the number of the command", []recording.Event{
			at(6, process(node, true)), at(7, process(90, false)), at(7, vm(90, "undefined@x")), at(8, process(90, true)), at(9, process(90, false)), at(9, vm(90, "derl@x")),
		}, 0, 90},
		{"which ends, too", []recording.Event{
			at(6, process(node, true)), at(7, process(90, false)), at(7, vm(90, "undefined@x")), at(8, process(90, true)), at(9, process(90, false)), at(9, vm(90, "derl@x")), at(10, process(90, true)),
		}, 10 * time.Second, 90},
	} {
		s := rt.Formation(3)
		s.Add(c.events...)
		p := fold(t, s).Pods()[0]
		if at, ended := p.VMEnded(); at != c.ended || ended != (c.ended > 0) {
			t.Errorf("%s: the node ended at %s (%t)", c.name, at, ended)
		}
		if want := cmp.Or(c.pid, node); p.VM().PID != want {
			t.Errorf("%s: the node is process %d", c.name, p.VM().PID)
		}
	}
}
