package check

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// eachNode judges every member by what its node says in the handshake.
func eachNode(judge func(v *view.View, p *view.Pod, from, to time.Duration) Finding) func(v *view.View) []Finding {
	return func(v *view.View) []Finding {
		from, to := settled(v)
		return eachMember(v, func(p *view.Pod) Finding { return judge(v, p, from, to) })
	}
}

// challenge is the youngest challenge that the pod's own node gave to anybody in the window, or nil. A remote console in
// the pod may have given others.
func challenge(p *view.Pod, from, to time.Duration) *recording.Event {
	for _, e := range slices.Backward(view.Between(p.Dist, from, to)) {
		if e.Dist.Outcome == recording.OK && e.Dist.Node == p.Node() {
			return &e
		}
	}
	return nil
}

// unheard is the finding on a pod whose node gave no challenge.
func unheard(v *view.View, p *view.Pod) Finding {
	return Finding{Subject: onPod(p), Of: toward(v, p), Outcome: Unseen, Message: "the node of " + p.Name + " was not heard in a handshake"}
}
