package view_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// A pod that waits for an image for long is hopeless; one failed attempt is not, unless no other can help.
func TestHopeless(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		last   time.Duration
		want   bool
	}{
		"an attempt failed a moment ago": {"ErrImagePull", 5 * time.Second, false},
		"it goes on failing":             {"ImagePullBackOff", 0, true},
		"it may not be pulled":           {"ErrImageNeverPull", 5 * time.Second, true},
		"it is being created":            {"ContainerCreating", 0, false},
	} {
		s := rt.Formation(3)
		if c.last > 0 {
			s.Cut(c.last)
		} else {
			s.Add(recording.Event{T: 40 * time.Second, By: "kube", Beat: &recording.Beat{}})
		}
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) {
			e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "waiting", c.reason
		})
		if why := fold(t, s).Hopeless(); (why != "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
}
