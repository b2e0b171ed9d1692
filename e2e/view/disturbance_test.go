package view_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// A disturbance lasts from the first act until the last fault is known to be gone.
func TestADisturbanceLastsUntilItIsHealed(t *testing.T) {
	act := func(at time.Duration, do string, pod int) recording.Event {
		return recording.Event{T: at, By: recording.ByRun, Act: &recording.Act{Do: do, Pod: rt.UID(pod)}}
	}
	disturbed := func(acts ...recording.Event) *rt.Recording {
		s := rt.Formation(3)
		s.Events = append(s.Events, acts...)
		return s
	}
	const began, over = rt.Full + time.Second, rt.Full + 2*time.Second
	v := fold(t, disturbed())
	if _, ok := v.Disturbance(); ok {
		t.Error("a formation is a disturbance")
	}
	if ok, why := v.Repaired(); ok || !strings.Contains(why, "nothing was done") {
		t.Errorf("%v %q", ok, why)
	}
	v = fold(t, disturbed(act(began, recording.Inject, 0), act(began, recording.Inject, 1), act(over, recording.Heal, 0)))
	d, ok := v.Disturbance()
	if !ok || d.Healed || d.Began() != began || len(d.Touched) != 2 {
		t.Errorf("one of two pods is healed: %+v", d)
	}
	if ok, why := v.Repaired(); ok || !strings.Contains(why, "still in place") {
		t.Errorf("%v %q", ok, why)
	}
	v = fold(t, disturbed(act(began, recording.Inject, 0), act(over, recording.Heal, 0)))
	if d, _ = v.Disturbance(); !d.Healed || d.Over() != over || !d.Touches(v.Pods()[0]) || d.Touches(v.Pods()[1]) {
		t.Errorf("%+v", d)
	}
	if ok, why := v.Repaired(); !ok {
		t.Error(why)
	}
	// The mesh must have been full since the fault is gone, and not only before.
	v = fold(t, disturbed(act(began, recording.Inject, 0), act(rt.Formed, recording.Heal, 0)))
	if ok, why := v.Repaired(); ok || !strings.Contains(why, "full mesh again for") {
		t.Errorf("%v %q", ok, why)
	}
}
