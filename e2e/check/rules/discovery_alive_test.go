package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDiscoveryAlive(t *testing.T) {
	long := func(change func(s *rt.Recording)) func(s *rt.Recording) {
		return func(s *rt.Recording) { *s = *rt.FormationUntil(3, 80*time.Second); change(s) }
	}
	other := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions = nil })
		s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" })
	}
	toldFixed := func(change func(s *rt.Recording)) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) { p.Expect.Discovery = profile.DiscoversNever })
			change(s)
		}
	}
	try(t, "discovery/alive", []trial{
		{"dead after its first round", long(asksNothing(1, 4*time.Second)), []want{{pod(1), check.Fail, "not-asking",
			[]string{rt.Node(1), "no DNS query for Service derl for 7", "the limit is 60 s", "supervise"}}}},
		{"asks something else", long(func(s *rt.Recording) {
			s.Change(isAskedSince(1, 4*time.Second), func(e *recording.Event) { e.Asked.Questions[0].Name = "postgres.shop.svc.cluster.local" })
		}), []want{{pod(1), check.Fail, "not-asking", nil}}},
		{"asks once in 40 s", long(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool {
				return isAskedSince(1, 4*time.Second)(e) && e.T.Truncate(time.Second)%(40*time.Second) != 0
			}, func(e *recording.Event) { e.Asked.Questions = nil })
		}), nil},
		{"a longer interval", long(func(s *rt.Recording) {
			asksNothing(1, 4*time.Second)(s)
			edit(s, func(p *profile.Resolved) { p.Interval = profile.Duration(30 * time.Second) })
		}), []want{{pod(1), check.Unseen, "", []string{"up to 90 s are allowed"}}}},
		{"packets were lost", long(func(s *rt.Recording) {
			asksNothing(1, 4*time.Second)(s)
			s.Change(isAskedSince(1, 40*time.Second), func(e *recording.Event) { e.Asked.Lost = 3 })
		}), []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "sent no DNS query in 3"}}}},
		{"silent, and the recording is short", asksNothing(1, rt.Full), []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "up to 60 s are allowed", "cache"}}}},
		{"silent for longer than the answer may be cached", func(s *rt.Recording) {
			*s = *rt.FormationUntil(3, 45*time.Second)
			asksNothing(1, 4*time.Second)(s)
		}, []want{{pod(1), check.Unseen, "", []string{"may be cached for 30 s only. If it looks for peers only when it starts, write under spec of the profile: expect: {discovery: at-start}"}}}},
		{"nobody listened", func(s *rt.Recording) { s.Drop(isAskedSince(1, 0)) }, []want{{pod(1), check.Unseen, "", []string{"not captured"}}}},
		{"the agent cannot listen", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Asked != nil })
			s.Change(func(e recording.Event) bool { return e.Start != nil && byAgent(e) }, func(e *recording.Event) { e.Start.Can = []string{"netns"} })
		}, []want{{"pod *", check.Unseen, "", []string{"AF_PACKET"}}}},
		{"a name that a StatefulSet gives", func(s *rt.Recording) {
			s.Change(isAskedSince(1, 0), func(e *recording.Event) { e.Asked.Questions[0].Name = "derl-0." + rt.DNSName })
		}, nil},
		{"asks for a Service with a virtual address", all(other, asksUsersService(1)), []want{{whole, check.Unseen, "", []string{rt.Name(1), "only the virtual address of Service derl-users"}}}},
		{"asks, and nobody was to be asked", toldFixed(func(*rt.Recording) {}), []want{{"pod *", check.Fail, "asks", []string{"queries DNS for " + rt.DNSName, "expect.discovery: none", "list"}}}},
		{"asks for names of pods that are written down", toldFixed(func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions[0].Name = "derl-0." + rt.DNSName })
		}), []want{{whole, check.NotApplicable, "", []string{"no such DNS query was seen"}}}},
		{"nobody listened whether somebody is asked", toldFixed(func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Asked != nil }) }), []want{{"pod *", check.Unseen, "", []string{"captured"}}}},
		{"no Service", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{whole, check.NotApplicable, "", []string{"not discover each other by DNS"}}}},
		{"another discovery", other, []want{{whole, check.NotApplicable, "", []string{"not discover each other by DNS"}}}},
		{"no manifest says which discovery it is", func(s *rt.Recording) {
			other(s)
			s.Drop(func(e recording.Event) bool { return e.Object != nil })
		}, []want{{"pod *", check.Unseen, "", nil}}},
	})
}
