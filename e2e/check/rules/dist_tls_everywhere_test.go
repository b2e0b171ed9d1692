package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDistTLSEverywhere(t *testing.T) {
	try(t, "dist/tls-everywhere", []trial{
		{"none", unchanged, noTLS()},
		{"all", overTLS(nil, 0, 1, 2), podsPass()},
		{"one does not", overTLS(nil, 0, 1), []want{{pod(2), check.Fail, "mixed", []string{rt.Name(2) + " uses distribution without TLS", rt.Name(0) + " and " + rt.Name(1) + " use it over TLS", "give all nodes the same -proto_dist"}}}},
		{"one alone", overTLS(nil, 2), []want{{pod(2), check.Fail, "mixed", []string{"uses distribution over TLS", "-proto_dist inet_tls"}}}},
		{"one command line was not seen", all(overTLS(nil, 0, 1), func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) || toDist(2, 0)(e) })
		}), []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
		{"told by an alert", all(overTLS(nil, 0, 1), func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) })
			s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Outcome = recording.TLSAlert })
		}), podsPass()},
	})
}
