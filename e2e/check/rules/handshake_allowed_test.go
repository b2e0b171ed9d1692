package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeAllowed(t *testing.T) {
	turned := func(s *rt.Recording) {
		s.Change(toDist(2, 0), func(e *recording.Event) {
			e.Dist.Outcome, e.Dist.Node, e.Dist.Detail = "not-allowed", "", "status not_allowed"
		})
	}
	try(t, "handshake/allowed", []trial{
		nodeNotHeard(), noAgent(),
		{"turned away", func(s *rt.Recording) { turned(s); blind(s, 0, 2, 0); blind(s, 1, 2, 0) }, []want{{pod(2), check.Fail, "not-allowed",
			[]string{rt.Name(2), rt.IP(2) + ":10000", "not_allowed", "net_kernel:allow/1"}}}},
		{"only our probe is turned away", turned, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), rt.Node(0) + " is connected to it"}}}},
	})
}
