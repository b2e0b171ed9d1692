package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeFlags(t *testing.T) {
	try(t, "handshake/flags", []trial{
		nodeNotHeard(), noAgent(),
		{"without one of them", func(s *rt.Recording) {
			s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Flags &^= 1<<34 | 1<<25 })
		}, []want{{pod(2), check.Fail, "flags-missing", []string{rt.Node(2), "UNLINK_ID, V4_NC", "0x905df7fbd"}}}},
		{"with no more than OTP 26 demands", func(s *rt.Recording) {
			s.Change(toDist(2, 0), func(e *recording.Event) { e.Dist.Flags = 0x403070f94 })
		}, nil},
	})
}
