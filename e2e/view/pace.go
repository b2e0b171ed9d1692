package view

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// leastGap is the longest time between two observations that counts as observed without a gap where agents look as often as
// they do for a few pods. Nobody sees more of a large mesh than its agents have time for: there a gap is longer than two looks.
const leastGap = time.Second

func (v *View) applyPace(e recording.Event) {
	was, p := v.paces[e.By], e.Pace
	v.paces[e.By] = recording.Pace{View: max(was.View, p.View), Sockets: max(was.Sockets, p.Sockets), DNS: max(was.DNS, p.DNS), EPMD: max(was.EPMD, p.EPMD), Dist: max(was.Dist, p.Dist)}
}

// MaxGap is the longest time between two observations that still counts as observed without a gap.
func (v *View) MaxGap() time.Duration {
	gap := leastGap
	for _, p := range v.paces {
		gap = max(gap, 5*max(p.View, p.Sockets)/2)
	}
	return gap
}

// MaxGap is that of the view.
func (p *Pod) MaxGap() time.Duration {
	if p.view == nil {
		return leastGap
	}
	return p.view.MaxGap()
}

// Round is how long it takes until each pair of pods was dialled once more, and a little longer. 0 where nobody said.
func (v *View) Round() time.Duration {
	round := time.Duration(0)
	for _, p := range v.paces {
		round = max(round, 3*max(p.EPMD, p.Dist)/2)
	}
	return round
}
