package view

import (
	"maps"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Cost is what an observer's process has used of the CPU while it observed. One agent may have watched other workloads at the same
// time, and the harness always does all that it has to.
type Cost struct {
	Observer string        // as [recording.Event.By] names it; [recording.ByKube] is the harness
	CPU      time.Duration // in all
	Over     time.Duration // from its first heartbeat to its last
	Most     float64       // of one core, in the dearest five seconds
}

// Share is the part of one core that it used on average, 0.1 is a tenth.
func (c Cost) Share() float64 {
	if c.Over <= 0 {
		return 0
	}
	return float64(c.CPU) / float64(c.Over)
}

// costWindow is how long a peak has to last to be one.
const costWindow = 5 * time.Second

// Costs are those of all observers that told, by their names. In recordings of before they told there are none.
func (v *View) Costs() []Cost {
	var all []Cost
	for _, by := range slices.Sorted(maps.Keys(v.beats)) {
		if c := cost(v.beats[by]); c.CPU > 0 {
			c.Observer = by
			all = append(all, c)
		}
	}
	return all
}

// cost adds up what the heartbeats after the first say: the first tells of a time that nobody knows the length of.
func cost(beats []recording.Event) Cost {
	if len(beats) < 2 {
		return Cost{}
	}
	c := Cost{Over: beats[len(beats)-1].T - beats[0].T}
	first, within := 0, time.Duration(0) // the window's
	for i, e := range beats[1:] {
		c.CPU += e.Beat.CPU
		within += e.Beat.CPU
		for e.T-beats[first].T > costWindow && first < i {
			first++
			within -= beats[first].Beat.CPU
		}
		if over := e.T - beats[first].T; over >= costWindow/2 {
			c.Most = max(c.Most, float64(within)/float64(over))
		}
	}
	return c
}
