package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryStaleNameGone(t *testing.T) {
	budget := func(s *rt.Recording, d time.Duration) {
		edit(s, func(p *profile.Resolved) { p.Budgets.StaleName = profile.Duration(d) })
	}
	// lingers keeps the victim's name in pod 1's view up to t.
	lingers := func(s *rt.Recording, t time.Duration) {
		s.Change(func(e recording.Event) bool { return isNodes(1, rt.Exited)(e) && e.T < t }, func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(0)) })
	}
	// listed keeps the victim's address in the answers that pod 1 gets, up to t.
	listed := func(s *rt.Recording, t time.Duration) {
		s.Change(func(e recording.Event) bool { return isDNS(1, rt.Exited)(e) && e.T < t }, func(e *recording.Event) { e.DNS.Addrs = append(e.DNS.Addrs, rt.IP(0)) })
	}
	try(t, "recovery/stale-name-gone", []trial{
		noDeletion(), oneReplica(), noOthersReady(),
		{"the name stays", func(s *rt.Recording) { budget(s, 3*time.Second); lingers(s, time.Hour) }, []want{{pod(1), check.Fail, "stale-name",
			[]string{rt.Node(0) + " in the view of " + rt.Node(1), "6.0 s after its container exited, but at most 3s are allowed", "PID 1"}}}},
		{"the name goes too late", func(s *rt.Recording) { budget(s, 3*time.Second); lingers(s, 27*time.Second) }, []want{{pod(1), check.Fail, "stale-name", []string{"3.8 s"}}}},
		{"the name goes in time", func(s *rt.Recording) { budget(s, 3*time.Second); lingers(s, 25*time.Second) }, nil},
		{"the address stays", func(s *rt.Recording) { budget(s, 3*time.Second); listed(s, time.Hour) }, []want{{pod(1), check.Fail, "stale-address",
			[]string{"address " + rt.IP(0) + " of " + rt.Name(0) + " in DNS (queried from " + rt.Name(1), "endpointslices"}}}},
		{"the recording is too short to tell", func(s *rt.Recording) { lingers(s, time.Hour) }, []want{{pod(1), check.Unseen, "", []string{"budget of 15s"}}}},
		{"the last look was just within the budget", func(s *rt.Recording) {
			budget(s, 5500*time.Millisecond)
			lingers(s, time.Hour)
			s.Drop(isNodes(1, rt.Exited+5400*time.Millisecond))
		}, []want{{pod(1), check.Unseen, "", nil}}},
		{"nobody looked while the budget ran out", func(s *rt.Recording) {
			budget(s, 3*time.Second)
			lingers(s, 24*time.Second)
			s.Drop(func(e recording.Event) bool { return isNodes(1, 24*time.Second)(e) && e.T < 28*time.Second })
		}, []want{{pod(1), check.Unseen, "", []string{"nothing was observed in between"}}}},
		{"nobody looked", func(s *rt.Recording) { s.Drop(isNodes(1, rt.Exited)) }, []want{{pod(1), check.Unseen, "", []string{"nothing was observed about " + rt.Node(0)}}}},
		{"DNS only fails", func(s *rt.Recording) {
			s.Change(isDNS(1, rt.Exited), func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = nil, "SERVFAIL" })
		}, []want{{pod(1), check.Unseen, "", []string{"nothing was observed about address " + rt.IP(0)}}}},
		{"the end was not seen", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool {
				return e.Process != nil && e.Process.Exited || isPod(0)(e) && e.Pod.Gone
			})
		}, []want{{pod(0), check.Unseen, "", []string{"the exit of " + rt.Name(0) + " was not seen", rt.Name(0)}}}},
		{"the end was seen by the API server only", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Process != nil && e.Process.Exited })
		}, nil},
		{"the VM restarted before", func(s *rt.Recording) {
			s.Add(recording.Event{T: 10 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(0), PID: 900, Exited: true}},
				recording.Event{T: 11 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(0), PID: 1000}})
		}, nil},
		{"the victim's name is not known", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isNodes(0, 0)(e) || isDist(1, 0)(e) || isDist(2, 0)(e) })
		}, []want{{"pod *", check.Unseen, "", []string{"node name of " + rt.Name(0) + " is not known"}}}},
		{"no Service", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }); listed(s, time.Hour) }, nil},
		{"the replacement takes the name over", func(s *rt.Recording) { budget(s, 3*time.Second); takesOverName(s) }, nil},
		{"a peer sees the replacement under that name before it has answered for itself", func(s *rt.Recording) {
			budget(s, 2*time.Second)
			takesOverName(s)
			s.Drop(func(e recording.Event) bool { return isNodes(3, 0)(e) && e.T < 27*time.Second })
		}, nil},
		{"a replacement with the same pod name never answers for itself", func(s *rt.Recording) {
			budget(s, 2*time.Second)
			takesOverName(s)
			s.Drop(func(e recording.Event) bool {
				return isNodes(3, 0)(e) || e.Dist != nil && e.Dist.Node == rt.Node(0) && e.T > rt.Exited
			})
			s.Change(isPod(3), func(e *recording.Event) { e.Pod.Name = rt.Name(0) })
		}, []want{{"pod *", check.Unseen, "", []string{rt.Node(0) + " was still present", "the replacement " + rt.Name(0)}}}},
		{"the replacement takes the name over before it was gone", func(s *rt.Recording) { takesOverName(s); lingers(s, rt.Rejoined) }, []want{{pod(1), check.NotApplicable, "", []string{"the replacement has reused it"}}}},
	})
}
