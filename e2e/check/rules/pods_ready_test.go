package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestPodsReady(t *testing.T) {
	unready := func(t time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(1)(e) && e.Pod.Ready && e.T >= t }, func(e *recording.Event) {
				e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
				e.Pod.Containers[0].Log = []string{"cannot bind 4369"}
			})
		}
	}
	try(t, "pods/ready", []trial{
		{"never ready", unready(0), []want{{pod(1), check.Fail, "not-ready", []string{rt.Name(1), "after 14 s", "unready status", "cannot bind 4369"}}}},
		{"no pod was reported", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Pod != nil })
		}, []want{{whole, check.Unseen, "", []string{"no pod"}}}},
		{"readiness flips and comes back", func(s *rt.Recording) {
			flip(s, 1, 6*time.Second, 7*time.Second)
		}, nil},
		{"a pod too many that is not ready yet", surge, nil},
		{"an old pod is on its way out", leaving, nil},
	})
}
