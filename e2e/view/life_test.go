package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// A container that is killed is down until its VM runs again, whatever the API server still says; a pod without an agent is judged
// by its containers.
func TestLife(t *testing.T) {
	pod := func(s int, ready, deleting, gone bool, state string) recording.Event {
		p := &recording.Pod{UID: "u", Name: "a", Ready: ready, Deleting: deleting, Gone: gone}
		if state != "" {
			p.Containers = []recording.Container{{Name: "c", State: state}}
		}
		return recording.Event{T: time.Duration(s) * time.Second, By: recording.ByKube, Pod: p}
	}
	vm := func(s int, exited bool) recording.Event {
		return recording.Event{T: time.Duration(s) * time.Second, By: "agent/n", Process: &recording.Process{Pod: "u", Exited: exited}}
	}
	for name, c := range map[string]struct {
		events []recording.Event
		want   string
	}{
		"a whole life": {[]recording.Event{pod(1, false, false, false, ""), vm(2, false), pod(3, true, false, false, "running"), pod(5, true, true, false, "running"), vm(6, true), pod(7, false, true, true, "terminated"), pod(9, false, true, true, "")},
			"created 1-2 running 2-3 ready 3-5 leaving 5-6 down 6-7"},
		"a VM that is killed": {[]recording.Event{pod(1, true, false, false, "running"), vm(1, false), vm(4, true), vm(5, false), pod(8, true, false, false, "running")},
			"ready 1-4 down 4-5 ready 5-8"},
		"without an agent": {[]recording.Event{pod(1, false, false, false, "waiting"), pod(2, false, false, false, "running"), pod(3, true, false, false, "running"), pod(4, false, false, false, "terminated")},
			"created 1-2 running 2-3 ready 3-4 down 4-4"},
		"gone before": {[]recording.Event{pod(1, false, true, true, "")}, ""},
	} {
		v, err := New(recording.Header{Profile: []byte(`{"name":"x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		p := v.pod("u")
		for _, e := range c.events {
			v.end = max(v.end, e.T)
			if e.Pod != nil {
				p.states = insert(p.states, e)
				p.First = p.states[0].T
			} else {
				p.process = insert(p.process, e)
			}
		}
		var got []string
		for _, s := range p.Life() {
			got = append(got, fmt.Sprintf("%s %.0f-%.0f", s.Stage, s.From.Seconds(), s.To.Seconds()))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %q, want %q", name, g, c.want)
		}
	}
}
