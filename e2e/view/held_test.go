package view_test

import (
	"math"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

func TestProcesses(t *testing.T) {
	s := rt.Formation(3)
	if all := fold(t, s).Processes(); len(all) > 0 {
		t.Errorf("no heartbeat says what a process holds: %+v", all)
	}
	s.Add(recording.Event{T: 3 * time.Second, By: recording.ByKube, Beat: &recording.Beat{Memory: 9 << 20, Descriptors: 12, Threads: 7}})
	s.Add(recording.Event{T: 5 * time.Second, By: rt.Agent, Beat: &recording.Beat{Threads: 5}})
	all := fold(t, s).Processes()
	start := fold(t, s).Header.Start
	if len(all) != 2 || all[0] != (view.Held{By: rt.Agent, At: start.Add(5 * time.Second), Threads: 5}) ||
		all[1] != (view.Held{By: recording.ByKube, At: start.Add(3 * time.Second), Memory: 9 << 20, Descriptors: 12, Threads: 7}) {
		t.Errorf("%+v", all)
	}
}

func TestGrow(t *testing.T) {
	const n = 200
	for name, c := range map[string]struct {
		value func(i int) float64
		grew  bool
		rise  float64
	}{
		"nothing changes":               {func(int) float64 { return 100 }, false, 0},
		"a leak":                        {func(i int) float64 { return 100 + float64(i) }, true, n / 2},
		"a small leak, below the bound": {func(i int) float64 { return 100 + float64(i)/10 }, false, n / 20},
		"it warms up, and stays":        {func(i int) float64 { return 100 + 3*float64(min(i, n/3)) }, false, 0},
		"up and down":                   {func(i int) float64 { return 100 + 90*float64(i%2) }, false, 0},
		"one sample is high":            {func(i int) float64 { return 100 + 900*float64(i/(n-1)) }, false, 52},
		"less and less":                 {func(i int) float64 { return 1000 - float64(i) }, false, -n / 2},
		"a leak from the middle on":     {func(i int) float64 { return 100 + 2*float64(max(0, i-n/2)) }, true, n},
		"a step that stays":             {func(i int) float64 { return 100 + 100*float64(i/(n/2)) }, false, 0},
	} {
		var samples []view.Sample
		for i := range n {
			samples = append(samples, view.Sample{At: time.Unix(int64(i), 0), Value: c.value(i)})
		}
		g := view.Grow(samples, 32)
		if !g.Known || g.Grew != c.grew || math.Abs(g.Rise-c.rise) > 3 || g.Samples != n || g.Start != c.value(0) || g.End != c.value(n-1) || g.Most < g.Start {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if g := view.Grow(nil, 1); g.Known || g.Grew {
		t.Errorf("no samples: %+v", g)
	}
	var warming []view.Sample // as at the begin of every soak
	for i := range 100 {
		warming = append(warming, view.Sample{At: time.Unix(int64(i), 0), Value: float64(i)})
	}
	if g := view.Grow(warming, 1); g.Known || g.Grew || g.Seconds != 99 {
		t.Errorf("the first minute and a half: %+v", g)
	}
	few := []view.Sample{{At: time.Unix(0, 0), Value: 1}, {At: time.Unix(1, 0), Value: 1000}}
	if g := view.Grow(few, 1); g.Known || g.Grew || g.End != 1000 {
		t.Errorf("two samples say nothing: %+v", g)
	}
}
