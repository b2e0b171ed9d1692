package view

import (
	"maps"
	"slices"
	"time"
)

// Held is what an observer's process held at a time of the wall clock, as one of its heartbeats says.
type Held struct {
	By          string // as [recording.Event.By] names it; [recording.ByKube] is the harness
	At          time.Time
	Memory      int64 // resident, in bytes
	Descriptors int
	Threads     int
}

// Processes is what the observers said that their processes hold, by observer and time. Recordings of before they told have nothing.
func (v *View) Processes() []Held {
	var all []Held
	for _, by := range slices.Sorted(maps.Keys(v.beats)) {
		for _, e := range v.beats[by] {
			if b := e.Beat; b.Memory > 0 || b.Descriptors > 0 || b.Threads > 0 {
				all = append(all, Held{By: by, At: v.Header.Start.Add(e.T), Memory: b.Memory, Descriptors: b.Descriptors, Threads: b.Threads})
			}
		}
	}
	return all
}

// Growth says whether what a process holds grew over a time that may span many recordings. It is judged by halves: what rises while
// the process warms up and stays then is no leak, and a sample that is higher than another is chance.
type Growth struct {
	Samples int     `json:"samples"`
	Seconds float64 `json:"seconds"` // from the first sample to the last
	Start   float64 `json:"start"`   // the first sample
	End     float64 `json:"end"`     // the last one
	Most    float64 `json:"most"`    // the highest one
	First   float64 `json:"first"`   // the median of the first half of the time
	Second  float64 `json:"second"`  // the median of the second half
	Rise    float64 `json:"rise"`    // of the line fitted through the second half, from its begin to its end
	Bound   float64 `json:"bound"`   // what both Rise and the difference of the medians have to exceed for it to have grown
	Known   bool    `json:"known"`   // there are samples enough in both halves, over a time that is long enough
	Grew    bool    `json:"grew"`
}

// leastSamples is how many each half needs, and leastTime how long both are together: an agent keeps what it has for a workload a minute
// longer, and until the first of them go it only grows.
const (
	leastSamples = 10
	leastTime    = 3 * time.Minute
)

// Sample is a number at a time.
type Sample struct {
	At    time.Time
	Value float64
}

// Grow judges the samples, which are in the order of time. A growth of up to least, and of up to a quarter of what there was in the
// first half, is none.
func Grow(samples []Sample, least float64) Growth {
	if len(samples) == 0 {
		return Growth{}
	}
	first, last := samples[0], samples[len(samples)-1]
	over := last.At.Sub(first.At)
	g := Growth{Samples: len(samples), Seconds: over.Seconds(), Start: first.Value, End: last.Value}
	for _, s := range samples {
		g.Most = max(g.Most, s.Value)
	}
	middle := first.At.Add(over / 2)
	half, _ := slices.BinarySearchFunc(samples, middle, func(s Sample, at time.Time) int { return s.At.Compare(at) })
	if g.Known = over >= leastTime && min(half, len(samples)-half) >= leastSamples; !g.Known {
		return g
	}
	g.First, g.Second, g.Rise = median(samples[:half]), median(samples[half:]), rise(samples[half:])
	g.Bound = max(least, g.First/4)
	g.Grew = min(g.Rise, g.Second-g.First) > g.Bound
	return g
}

func median(samples []Sample) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.Value)
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// rise is how much the straight line that fits best (least squares) rises over the samples.
func rise(samples []Sample) float64 {
	var t, x, tt, tx float64
	n, from := float64(len(samples)), samples[0].At
	for _, s := range samples {
		at := s.At.Sub(from).Seconds()
		t, x, tt, tx = t+at, x+s.Value, tt+at*at, tx+at*s.Value
	}
	spread := n*tt - t*t
	if spread <= 0 {
		return 0
	}
	return (n*tx - t*x) / spread * samples[len(samples)-1].At.Sub(from).Seconds()
}
