package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Disturbance is what a scenario has done to a formed mesh, from its first act to the moment from which on the mesh has to repair
// itself.
type Disturbance struct {
	First   recording.Event // the first act
	Last    recording.Event // the last one; of a fault, that it is gone
	Healed  bool            // every fault that was put in place is known to be gone
	Touched []*Pod          // the pods that the acts name, in the order of the acts

	ended []*Pod // whose VM the acts have ended
}

// Ended reports whether an act has ended the pod's VM.
func (d Disturbance) Ended(p *Pod) bool { return slices.Contains(d.ended, p) }

// Began is when it began.
func (d Disturbance) Began() time.Duration { return d.First.T }

// Over is when it was over, if Healed.
func (d Disturbance) Over() time.Duration { return d.Last.T }

// Touches reports whether an act names the pod.
func (d Disturbance) Touches(p *Pod) bool { return slices.Contains(d.Touched, p) }

// Disturbance reads it from the acts. False if nothing has been done yet.
func (v *View) Disturbance() (d Disturbance, ok bool) {
	faults := map[string]int{} // by pod
	for _, e := range v.acts {
		switch e.Act.Do {
		case recording.Apply, recording.Void, recording.Unhealed:
			continue
		case recording.Inject:
			faults[e.Act.Pod]++
		case recording.Heal:
			if !ok {
				continue // of a scenario before this one
			}
			faults[e.Act.Pod]--
		}
		if !ok {
			d.First, ok = e, true
		}
		d.Last = e
		p, known := v.Pod(e.Act.Pod)
		if known && !d.Touches(p) {
			d.Touched = append(d.Touched, p)
		}
		if known && e.Act.Do != recording.Inject && e.Act.Do != recording.Heal {
			d.ended = append(d.ended, p)
		}
	}
	d.Healed = true
	for _, left := range faults {
		d.Healed = d.Healed && left <= 0
	}
	return d, ok
}

// Repaired reports whether the mesh has repaired itself: what was done is over, faults are known to be gone, deleted pods have ended,
// and a full mesh has held since. If not, it says what is missing.
func (v *View) Repaired() (bool, string) {
	d, ok := v.Disturbance()
	switch {
	case !ok:
		return false, "nothing was done to the mesh yet"
	case !d.Healed:
		return false, "a fault is still in place"
	}
	for _, p := range d.Touched {
		if _, gone := p.Exited(); p.Leaving(v.end) && !gone {
			return false, p.Name + " has not ended yet"
		}
	}
	return v.fullAgain(d.Over())
}
