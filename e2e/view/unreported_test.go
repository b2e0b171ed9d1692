package view_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// pod is the workload's pod with that UID.
func pod(v *view.View, uid string) *view.Pod {
	p, _ := v.Pod(uid)
	return p
}

// An act may be about a pod that nobody saw, or that only agents saw. Whoever asks about it gets an answer.
func TestPodsThatWereNeverReported(t *testing.T) {
	for name, only := range map[string]func(e recording.Event) bool{
		"seen by nobody":      func(e recording.Event) bool { return e.PodUID() == rt.UID(0) || e.FromUID() == rt.UID(0) },
		"seen by agents only": func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(0) },
	} {
		for _, do := range []string{recording.DeletePod, recording.KillContainer, recording.Rollout} {
			s := rt.Recovery(3)
			s.Drop(only)
			s.Add(recording.Event{T: rt.Deleted, By: recording.ByRun, Act: &recording.Act{Do: do, Pod: rt.UID(0)}})
			v := fold(t, s)
			for _, ask := range []func() (bool, string){v.Recovered, v.Restarted, v.RolledOut, v.Formed, v.Booted} {
				ask()
			}
			if p, ok := v.Pod(rt.UID(0)); ok && (p.Last().UID != rt.UID(0) || p.AgentOf() != "" || p.IP() != "" || p.Ready(rt.Deleted)) {
				t.Errorf("%s: it is %+v", name, p.Last())
			}
		}
	}
}
