package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeAcceptorPrompt(t *testing.T) {
	slow := func(d time.Duration, o recording.Outcome, from time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isDist(0, 2)(e) && e.T >= from }, func(e *recording.Event) { e.Dist.Took, e.Dist.Outcome = d, o })
		}
	}
	pressure := func(d time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Beat != nil && byAgent(e) }, func(e *recording.Event) { e.Beat.Late = d })
		}
	}
	try(t, "handshake/acceptor-prompt", []trial{
		nodeNotHeard(), noAgent(),
		{"slow", slow(1800*time.Millisecond, recording.OK, 5*time.Second), []want{{pod(2), check.Fail, "acceptor-slow", []string{rt.Node(2), "1.8 s", "10 of", "net_kernel is blocked", rt.IP(2) + ":10000 ok"}}}},
		{"slow to some", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool {
				return isDist(0, 2)(e) && e.T >= 5*time.Second && (e.T/time.Second)%2 == 0
			}, func(e *recording.Event) {
				e.Dist.Took, e.Dist.Outcome, e.Dist.Node = 2*time.Second, recording.Silent, ""
			})
		}, []want{{pod(2), check.Fail, "acceptor-slow", []string{"silent after 2.0 s"}}}},
		{"slow twice", slow(1800*time.Millisecond, recording.OK, 13*time.Second), nil},
		{"slow, and epmd as well", all(slow(1800*time.Millisecond, recording.OK, 5*time.Second), func(s *rt.Recording) {
			s.Change(toEPMD(2, 10*time.Second), func(e *recording.Event) { e.EPMD.Took = 1500 * time.Millisecond })
		}), []want{{pod(2), check.Unseen, "", []string{"its epmd also took up to 1.5 s"}}}},
		{"slow under CPU pressure", all(slow(1800*time.Millisecond, recording.OK, 5*time.Second), pressure(900*time.Millisecond)), []want{{pod(2), check.Unseen, "", []string{"short of CPU", "0.9 s"}}}},
		{"slower than CPU pressure explains", all(slow(1800*time.Millisecond, recording.OK, 5*time.Second), pressure(300*time.Millisecond)), []want{{pod(2), check.Fail, "acceptor-slow", nil}}},
	})
}
