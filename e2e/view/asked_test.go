package view_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func silent(i int, from time.Duration) (match func(recording.Event) bool, change func(*recording.Event)) {
	return func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(i) && e.T >= from }, func(e *recording.Event) { e.Asked.Questions = nil }
}

// A recovery goes on until those who asked for their peers were heard to do so again; who never did is not waited for.
func TestRecoveredWaitsForDiscovery(t *testing.T) {
	r := rt.Recovery(3)
	r.Change(silent(1, rt.Exited))
	if ok, why := fold(t, r).Recovered(); ok || !strings.Contains(why, rt.Name(1)+" sent no DNS query for its peers since "+rt.Name(0)+" ended") {
		t.Errorf("%v %q", ok, why)
	}
	for name, change := range map[string]func(r *rt.Recording){
		"it never asked": func(r *rt.Recording) { r.Change(silent(1, 0)) },
		"nobody listens": func(r *rt.Recording) { r.Drop(func(e recording.Event) bool { return e.Asked != nil }) },
		"they look once": func(r *rt.Recording) {
			r.Change(silent(1, rt.Exited))
			var p profile.Resolved
			r.Edit(&p, func() { p.Expect.Discovery = profile.DiscoversOnce })
		},
	} {
		r := rt.Recovery(3)
		change(r)
		if ok, why := fold(t, r).Recovered(); !ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// Before a mesh is disturbed it is heard who asks; that takes an interval, and is not waited for where nobody can hear.
func TestLookupsKnown(t *testing.T) {
	for name, x := range map[string]struct {
		change func(s *rt.Recording)
		want   bool
	}{
		"all ask":          {func(*rt.Recording) {}, true},
		"one was not yet":  {func(s *rt.Recording) { s.Change(silent(1, 0)); s.Cut(6 * time.Second); edit(s, 10*time.Second) }, false},
		"one does not ask": {func(s *rt.Recording) { s.Change(silent(1, 0)) }, true},
		"nobody listens": {func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Asked != nil })
			edit(s, time.Minute)
		}, true},
	} {
		s := rt.Formation(3)
		x.change(s)
		if got := fold(t, s).LookupsKnown(); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func edit(s *rt.Recording, interval time.Duration) {
	var p profile.Resolved
	s.Edit(&p, func() { p.Interval = profile.Duration(interval) })
}

// A resolver that has the answer in its cache is waited for: its time to live, an interval, and no longer. Who never asked is not.
func TestCachesExpired(t *testing.T) {
	until := func(end time.Duration, change func(r *rt.Recording)) *rt.Recording {
		r := rt.FormationUntil(3, end)
		change(r)
		return r
	}
	quiet := func(from time.Duration) func(r *rt.Recording) {
		return func(r *rt.Recording) { r.Change(silent(1, from)) }
	}
	for name, x := range map[string]struct {
		r    *rt.Recording
		want bool
	}{
		"all ask":                  {rt.Formation(3), true},
		"one has it in its cache":  {until(rt.Formed, quiet(rt.Full+time.Second/2)), false},
		"one, for almost too long": {until(38*time.Second, quiet(rt.Full+time.Second/2)), false},
		"one, for too long":        {until(42*time.Second, quiet(rt.Full+time.Second/2)), true},
		"one never asked":          {until(rt.Formed, quiet(0)), true},
		"the time is not known": {until(rt.Formed, func(r *rt.Recording) {
			quiet(rt.Full + time.Second/2)(r)
			r.Change(func(e recording.Event) bool { return e.Asked != nil && len(e.Asked.Questions) > 0 }, func(e *recording.Event) { e.Asked.Questions[0].TTL = 0 })
		}), true},
		"they look once": {until(rt.Formed, func(r *rt.Recording) {
			quiet(rt.Full + time.Second/2)(r)
			var p profile.Resolved
			r.Edit(&p, func() { p.Expect.Discovery = profile.DiscoversOnce })
		}), true},
	} {
		if got, why := fold(t, x.r).CachesExpired(); got != x.want || got != (why == "") {
			t.Errorf("%s: %v %q", name, got, why)
		}
	}
}

// Only what was heard wholly in the window counts.
func TestLastAsked(t *testing.T) {
	s := rt.Formation(3)
	s.Drop(func(e recording.Event) bool { return e.Asked != nil })
	name := "derl-0." + rt.DNSName
	for _, at := range []time.Duration{5 * time.Second, 6 * time.Second, 7 * time.Second, 8 * time.Second} {
		e := recording.Asked{Pod: rt.UID(1), Over: time.Second}
		if at == 6*time.Second {
			e.Questions = []recording.Question{{Name: name, Type: "A", Count: 1}}
		}
		if at == 8*time.Second {
			e.Lost = 1
		}
		s.Add(recording.Event{T: at, By: rt.Agent, Asked: &e})
	}
	p := pod(fold(t, s), rt.UID(1))
	for _, x := range []struct{ from, to, last, silent time.Duration }{
		{0, 20 * time.Second, 6 * time.Second, time.Second},
		{5 * time.Second, 6 * time.Second, 6 * time.Second, 0},
		{5500 * time.Millisecond, 20 * time.Second, 0, time.Second},
	} {
		if last, silentMember := p.LastAsked(rt.Service, x.from, x.to); last != x.last || silentMember != x.silent {
			t.Errorf("from %s to %s: %s and %s silent, want %s and %s", x.from, x.to, last, silentMember, x.last, x.silent)
		}
	}
}
