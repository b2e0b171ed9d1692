package view_test

import (
	"math"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestCosts(t *testing.T) {
	if v := fold(t, rt.Formation(3)); len(v.Costs()) != 0 {
		t.Errorf("of a recording that does not tell: %+v", v.Costs())
	}
	s := rt.Formation(3)
	s.Drop(func(e recording.Event) bool { return e.Beat != nil })
	for i := range 41 { // twenty seconds, in the second half five times as much
		used := 10 * ms
		if i > 20 {
			used = 50 * ms
		}
		if i == 0 {
			used = time.Hour // since its process began
		}
		s.Add(recording.Event{T: time.Duration(i) * 500 * ms, By: rt.Agent, Beat: &recording.Beat{CPU: used}})
	}
	costs := fold(t, s).Costs()
	if len(costs) != 1 {
		t.Fatalf("%+v", costs)
	}
	c := costs[0]
	if c.Observer != rt.Agent || c.CPU != 1200*ms || c.Over != 20*time.Second || math.Abs(c.Share()-0.06) > 1e-9 || math.Abs(c.Most-0.1) > 0.001 {
		t.Errorf("%+v, share %f", c, c.Share())
	}
}
