package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryPhases(t *testing.T) {
	limit := func(name string, d time.Duration) func(*rt.Recording) {
		return func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) {
				p.Budgets.Phases = map[string]profile.Duration{name: profile.Duration(d)}
			})
		}
	}
	try(t, "recovery/phases", []trial{
		{"within their budgets", limit(profile.PodReady, 2*time.Second), []want{{pod(3), check.Pass, "", nil}}},
		{"a pod is Ready too late", limit(profile.PodReady, 900*time.Millisecond), []want{
			{pod(3), check.Fail, "over-budget", []string{`"pod Ready" of ` + rt.Name(3) + " took 1.05 s", "at most 900ms", "initialDelaySeconds"}}}},
		{"DNS is late on each pod", limit(profile.AddressOut, 20*time.Millisecond), []want{
			{pod(1), check.Unseen, "", []string{"took 0.25 s ± 250 ms: whether that is within 20ms is not known"}}, {pod(2), check.Unseen, "", nil}}},
		{"a peer was not seen", func(s *rt.Recording) {
			limit(profile.NodeDown, time.Second)(s)
			s.Drop(func(e recording.Event) bool { return isNodes(1, 22500*time.Millisecond)(e) && e.T < 24*time.Second })
		}, []want{{pod(1), check.Unseen, "", []string{"is not known: " + rt.Name(1) + " was not seen from 22."}}}},
		{"the pod has not come", func(s *rt.Recording) {
			limit(profile.VMRuns, 500*time.Millisecond)(s)
			s.Cut(23100 * time.Millisecond)
		}, []want{{pod(3), check.Fail, "over-budget", []string{"has not ended after 1."}}}},
		{"the pod has not come yet", func(s *rt.Recording) {
			limit(profile.VMRuns, 3*time.Second)(s)
			s.Cut(23100 * time.Millisecond)
		}, []want{{pod(3), check.Unseen, "", []string{"had not ended when the recording did"}}}},
		{"no such phase", limit(profile.Healed, time.Second), []want{{whole, check.Unseen, "", []string{"none of the phases"}}}},
		{"no limit", func(*rt.Recording) {}, []want{{whole, check.NotApplicable, "", []string{"spec.budgets.phases"}}}},
	})
}
