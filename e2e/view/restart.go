package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// CreationAt is the creation that the pod's node last reported until t, and when; 0 if it did not.
func (p *Pod) CreationAt(t time.Duration) (creation uint32, at time.Duration) {
	for _, e := range slices.Backward(Between(p.Nodes, 0, t)) {
		if c := e.Nodes.Creation; c != 0 {
			return c, e.T
		}
	}
	for _, d := range slices.Backward(During(p.ToDist, 0, t)) {
		if d.Dist.Creation != 0 && d.Dist.Node == p.Node() {
			return d.Dist.Creation, d.T
		}
	}
	return 0, 0
}

// BackAgain is when the pod's node was first seen with another creation than before t. False if it was not, or if the one before
// is not known.
func (p *Pod) BackAgain(t, end time.Duration) (time.Duration, bool) {
	was, _ := p.CreationAt(t)
	for _, e := range Between(p.Nodes, t, end) {
		if c := e.Nodes.Creation; was != 0 && c != 0 && c != was {
			return e.T, true
		}
	}
	return 0, false
}

// Restarted reports whether a container that was killed is back: its node was seen under another creation, and a full mesh has
// held since. If not, it says what is missing.
func (v *View) Restarted() (bool, string) {
	act, ok := v.Act(recording.KillContainer)
	if !ok {
		return false, "no container was killed yet"
	}
	victim, ok := v.Pod(act.Act.Pod)
	if !ok {
		return false, "the pod whose container was killed was never seen"
	}
	back, ok := victim.BackAgain(act.T, v.end)
	if !ok {
		return false, "the node of " + victim.Name + " was not seen under a new creation yet"
	}
	return v.fullAgain(back)
}
