package view_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// Where agents look less often, a silence has to be longer to be one; one slow agent is enough, and an earlier pace counts.
func TestMaxGapFollowsThePace(t *testing.T) {
	pace := func(by string, view, sockets, dist time.Duration) recording.Event {
		return recording.Event{T: time.Second, By: by, Pace: &recording.Pace{View: view, Sockets: sockets, DNS: time.Second, EPMD: time.Second, Dist: dist}}
	}
	s := rt.Formation(3)
	if v := fold(t, s); v.MaxGap() != time.Second || v.Round() != 0 {
		t.Errorf("without a pace: %s, %s", v.MaxGap(), v.Round())
	}
	s.Add(pace(rt.Agent, 250*ms, 250*ms, time.Second))
	if v := fold(t, s); v.MaxGap() != time.Second || v.Round() != 1500*ms {
		t.Errorf("with a few pods: %s, %s", v.MaxGap(), v.Round())
	}
	s.Add(pace("agent/other", 500*ms, time.Second, 20*time.Second), pace("agent/other", 250*ms, 250*ms, time.Second))
	v := fold(t, s)
	if v.MaxGap() != 2500*ms || v.Round() != 30*time.Second {
		t.Errorf("with fifty: %s, %s", v.MaxGap(), v.Round())
	}
	if p := pod(v, rt.UID(0)); p.MaxGap() != v.MaxGap() {
		t.Errorf("of a pod: %s", p.MaxGap())
	}
}

// With many pairs each is dialled seldom: what succeeded shortly before the mesh was full need not be dialled again, and what failed
// then must be.
func TestFormedWaitsForARoundOfDials(t *testing.T) {
	for name, c := range map[string]struct {
		round   time.Duration
		outcome recording.Outcome
		formed  bool
	}{
		"a few pods":              {time.Second, recording.OK, false},
		"many, and it succeeded":  {30 * time.Second, recording.OK, true},
		"many, and it was closed": {30 * time.Second, recording.Refused, false},
	} {
		s := rt.FormationUntil(3, rt.Full+15*time.Second)
		s.Drop(func(e recording.Event) bool {
			return e.Dist != nil && e.T >= rt.Full && e.Dist.From == rt.UID(0) && e.Dist.To == rt.UID(1)
		})
		s.Drop(func(e recording.Event) bool { return e.Dist != nil && e.T < rt.Full })
		s.Add(recording.Event{T: 0, By: rt.Agent, Pace: &recording.Pace{View: 250 * ms, Sockets: 250 * ms, DNS: 500 * ms, EPMD: c.round, Dist: c.round}},
			recording.Event{T: rt.Full - 500*ms, By: rt.Agent, Dist: &recording.Dist{From: rt.UID(0), To: rt.UID(1), Addr: rt.IP(1) + ":10000", Outcome: c.outcome}})
		v := fold(t, s)
		if formed, why := v.Formed(); formed != c.formed {
			t.Errorf("%s: formed %v, %s", name, formed, why)
		}
	}
}

// A dial that fails is tried again before the formation ends: on a busy machine one in thousands may fail, and nobody else dials that
// pair for long. One that always fails ends it, too.
func TestFormedWaitsUntilAFailedDialWasTriedAgain(t *testing.T) {
	const again = 2 * time.Second
	for name, c := range map[string]struct {
		after  []recording.Outcome // of the dials of one pair since the mesh was full
		formed bool
	}{
		"failed once":          {[]recording.Outcome{recording.Silent}, false},
		"failed, then good":    {[]recording.Outcome{recording.Silent, recording.OK}, true},
		"failed twice":         {[]recording.Outcome{recording.Silent, recording.Refused}, true},
		"our own error, twice": {[]recording.Outcome{recording.ProbeError, recording.ProbeError}, false},
	} {
		s := rt.FormationUntil(3, rt.Full+15*time.Second)
		s.Drop(func(e recording.Event) bool {
			return e.EPMD != nil && e.EPMD.From == rt.UID(0) && e.EPMD.To == rt.UID(1)
		})
		s.Add(recording.Event{T: 0, By: rt.Agent, Pace: &recording.Pace{View: 250 * ms, Sockets: 250 * ms, DNS: 500 * ms, EPMD: 30 * time.Second, Dist: 30 * time.Second}})
		for i, o := range c.after {
			s.Add(recording.Event{T: rt.Full + time.Duration(i+1)*again, By: rt.Agent, EPMD: &recording.EPMD{From: rt.UID(0), To: rt.UID(1), Addr: rt.IP(1) + ":4369", Outcome: o}})
		}
		v := fold(t, s)
		if formed, why := v.Formed(); formed != c.formed {
			t.Errorf("%s: formed %v, %s", name, formed, why)
		}
	}
}
