package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryDiscoveryGoesOn(t *testing.T) {
	lasting := func(change func(s *rt.Recording)) func(s *rt.Recording) {
		return func(s *rt.Recording) { *s = *rt.RecoveryUntil(3, rt.Exited+80*time.Second); change(s) }
	}
	try(t, "recovery/discovery-goes-on", []trial{
		{"one does not", lasting(asksNothing(1, rt.Exited)), []want{{pod(1), check.Fail, "not-asking", []string{rt.Node(1), "has sent no DNS query for Service derl for 7", "its discovery has stopped"}}}},
		{"one does not, and the recording is short", asksNothing(1, rt.Exited), []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "up to 60 s are allowed"}}}},
		{"one never did", asksNothing(1, 0), []want{{pod(1), check.NotApplicable, "", []string{"did not query DNS", "either"}}}},
		{"its last question is older than the death", lasting(asksNothing(1, rt.Exited+500*time.Millisecond)), []want{{pod(1), check.Fail, "not-asking", nil}}},
		{"nobody listened", func(s *rt.Recording) { s.Drop(isAskedSince(1, 0)) }, []want{{pod(1), check.Unseen, "", []string{"not captured"}}}},
		{"no pod was deleted", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Act != nil }) }, []want{{whole, check.Unseen, "", []string{"no pod was deleted"}}}},
		{"no Service", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{whole, check.NotApplicable, "", []string{"no Service"}}}},
		{"they look never", func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) { p.Expect.Discovery = profile.DiscoversNever })
		}, []want{{whole, check.NotApplicable, "", []string{"discovery: none"}}}},
		{"they look once", func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) { p.Expect.Discovery = profile.DiscoversOnce })
		}, []want{{whole, check.NotApplicable, "", []string{"at-start"}}}},
	})
}
