package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// readyGrace is how long a pod whose node answers may take to become Ready before it counts as never Ready.
const readyGrace = 10 * time.Second

// Expected are the pods that must be in the mesh at t: Ready and not being deleted. If there are too few of them, a pod counts,
// too, if its containers run, its node answered long ago, and it never becomes Ready in the whole recording: readiness has a check
// of its own. Terminating and surge pods, and pods that become Ready later, may or may not be in the mesh.
func (v *View) Expected(t time.Duration) []*Pod {
	var all, unready []*Pod
	for _, p := range v.Pods() {
		switch {
		case p.Ready(t):
			all = append(all, p)
		case v.runningNotReady(p, t):
			unready = append(unready, p)
		}
	}
	if len(unready) == 0 || len(all) >= v.Replicas(t) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(v.Pods()), func(p *Pod) bool { return !slices.Contains(all, p) && !slices.Contains(unready, p) })
}

// runningNotReady reports whether the pod runs at t and its distribution is up, and it never gets Ready.
func (v *View) runningNotReady(p *Pod, t time.Duration) bool {
	s := p.At(t)
	return s != nil && !s.Deleting && !s.Gone && runs(s) && v.neverReady(p) && p.answers(t)
}

// neverReady reports whether the pod's node has answered for a long time and the pod was never Ready.
func (v *View) neverReady(p *Pod) bool {
	return p.answers(v.end-readyGrace) && !slices.ContainsFunc(p.states, func(e recording.Event) bool { return e.Pod.Ready })
}

func runs(s *recording.Pod) bool {
	for _, c := range s.Containers {
		if c.State != "running" {
			return false
		}
	}
	return len(s.Containers) > 0
}

// answers reports whether the pod's node had answered by t.
func (p *Pod) answers(t time.Duration) bool {
	return slices.ContainsFunc(Between(p.Nodes, 0, t), func(e recording.Event) bool { return e.Nodes.Outcome == recording.OK })
}
