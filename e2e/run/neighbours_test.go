package run

import (
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/workload"
)

// In a namespace of somebody else only what the run created is recorded.
func TestWhatNeighboursDoIsNotRecorded(t *testing.T) {
	w, err := workload.Load("../../fixtures", "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	n := newNeighbours(w)
	for _, c := range []struct {
		what    string
		event   recording.Event
		foreign bool
	}{
		{"a pod of the workload", recording.Event{Pod: &recording.Pod{Name: "derl-7f-x", Labels: map[string]string{"app": "derl", "pod-template-hash": "7f"}, Owner: "ReplicaSet/derl-7f"}}, false},
		{"a pod of another application", recording.Event{Pod: &recording.Pod{Name: "shop-0", Labels: map[string]string{"app": "shop"}, Owner: "StatefulSet/shop"}}, true},
		{"the Service", recording.Event{Service: &recording.Service{Name: "derl"}}, false},
		{"another Service", recording.Event{Service: &recording.Service{Name: "shop"}}, true},
		{"its addresses", recording.Event{Slice: &recording.Slice{Name: "derl-abc", Service: "derl"}}, false},
		{"addresses of another", recording.Event{Slice: &recording.Slice{Name: "shop-abc", Service: "shop"}}, true},
		{"an event of a pod", recording.Event{Notice: &recording.Notice{Object: "Pod/derl-7f-x"}}, false},
		{"an event of the agents", recording.Event{Notice: &recording.Notice{Object: "DaemonSet/meshproof-agent"}}, false},
		{"an event of another pod", recording.Event{Notice: &recording.Notice{Object: "Pod/shop-0"}}, true},
		{"what an agent saw", recording.Event{Nodes: &recording.Nodes{}}, false},
	} {
		if got := n.did(&c.event); got != c.foreign {
			t.Errorf("%s: of others: %v", c.what, got)
		}
		if (*neighbours)(nil).did(&c.event) {
			t.Errorf("%s: in a namespace of the run's own there are no others", c.what)
		}
	}
}
