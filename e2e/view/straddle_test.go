package view_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// What a start script asked a moment before the VM started is no question of the node, although the interval ended after that.
func TestQuestionsBeforeTheVM(t *testing.T) {
	s := rt.Formation(3)
	var started time.Duration
	for _, e := range s.Events {
		if e.Process != nil && e.Process.Pod == rt.UID(0) {
			started = e.T
		}
	}
	asked := func(name string, from, to time.Duration) recording.Event {
		return recording.Event{T: to, By: rt.Agent, Asked: &recording.Asked{Pod: rt.UID(0), Over: to - from, Questions: []recording.Question{{Name: name, Type: "A", Count: 1}}}}
	}
	s.Drop(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(0) })
	s.Add(asked("script.example", started-500*ms, started+100*ms), asked("node.example", started+100*ms, started+900*ms))
	v := fold(t, s)
	var names []string
	for _, q := range v.Trail(pod(v, rt.UID(0))).Asked {
		names = append(names, q.Name)
	}
	if !slices.Equal(names, []string{"node.example"}) {
		t.Errorf("the node asked for %v, want node.example alone", names)
	}
}
