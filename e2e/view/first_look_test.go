package view_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// An agent that comes after the pods has not seen what they did before; one that was there first has no such gap.
func TestBeforeTheFirstLook(t *testing.T) {
	byAgent := func(e recording.Event) bool { return e.By == rt.Agent }
	const came = 6500 * time.Millisecond
	late := func(s *rt.Recording) {
		s.Drop(func(e recording.Event) bool {
			return byAgent(e) && e.T < came && e.Start == nil && e.Clock == nil && e.Process == nil
		})
		s.Change(func(e recording.Event) bool { return byAgent(e) && e.T < came && e.Process != nil }, func(e *recording.Event) { e.T = came })
	}
	for name, x := range map[string]struct {
		change   func(s *rt.Recording)
		from, to time.Duration // when it was blind
	}{
		"it was there first": {func(*rt.Recording) {}, 0, 0},
		"it came late":       {late, 1500 * time.Millisecond, came},
		"nobody saw the pods begin": {func(s *rt.Recording) {
			late(s)
			s.Drop(func(e recording.Event) bool { return e.Pod != nil && !e.Pod.Ready })
		}, 0, came},
		"it never came": {func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.Start == nil })
		}, 0, 0},
	} {
		s := rt.Formation(3)
		x.change(s)
		v := fold(t, s)
		blind := v.Blind(rt.Agent, 0, v.End())
		if x.to == 0 && len(blind) > 0 || x.to > 0 && (len(blind) != 1 || blind[0].From != x.from || blind[0].To != x.to) {
			t.Errorf("%s: it was blind %v, want %s to %s", name, blind, x.from, x.to)
		}
		if seen := v.SeenSinceItBegan(pod(v, rt.UID(1))); seen != (name == "it was there first") || v.NeverBlind() != (x.to == 0) {
			t.Errorf("%s: seen since it began: %v, never blind: %v", name, seen, v.NeverBlind())
		}
		if !v.Covered(rt.Agent, came, v.End()) || x.to > 0 && v.Covered(rt.Agent, 2*time.Second, 3*time.Second) {
			t.Errorf("%s: what is covered is not what was seen", name)
		}
	}
}
