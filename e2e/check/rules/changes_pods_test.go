package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// neverDeployed is a recording that ended before the workload's objects were made.
func neverDeployed(s *rt.Recording) {
	s.Drop(func(e recording.Event) bool { return e.Pod != nil || e.Act != nil && e.Act.Do == "apply" })
}

// dies is pod i's container having ended with these lines in its log.
func dies(s *rt.Recording, i int, log ...string) {
	s.Change(isPod(i), func(e *recording.Event) {
		e.Pod.Ready = false
		c := &e.Pod.Containers[0]
		c.State, c.Reason, c.ExitCode, c.Log = "terminated", "Error", 1, log
	})
}

// surge is a fourth pod where three are asked for, not Ready at the end.
func surge(s *rt.Recording) {
	four := rt.Formation(4)
	for _, e := range four.Events {
		if e.Pod != nil && e.Pod.UID == rt.UID(3) && !e.Pod.Ready {
			s.Add(e)
		}
	}
}

// leaving is a fourth pod where three are asked for, which is being deleted but still in the mesh and in DNS.
func leaving(s *rt.Recording) {
	four := rt.Formation(4)
	s.Events = four.Events
	s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Deleting = true })
}

// flip makes pod i not Ready between two times.
func flip(s *rt.Recording, i int, from, to time.Duration) {
	var ready recording.Pod
	for _, e := range s.Events {
		if isPod(i)(e) && e.Pod.Ready {
			ready = *e.Pod
		}
	}
	not := ready
	not.Ready = false
	s.Add(recording.Event{T: from, By: "kube", Pod: &not}, recording.Event{T: to, By: "kube", Pod: &ready})
}
