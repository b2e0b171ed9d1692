package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryUntouchedLinksKept(t *testing.T) {
	large := func(s *rt.Recording) {
		s.Change(isAct, func(e *recording.Event) { e.Act.Fault = recording.FaultDropLarge })
	}
	try(t, "recovery/untouched-links-kept", []trial{
		nothingDone("nothing was done"),
		{"the link of the blip is closed", func(s *rt.Recording) { closes(s, 0, 1, rt.Deleted+time.Second) }, []want{
			{pair(0, 1), check.Fail, "link-replaced", []string{"1.0 s after a link lost its packets for a moment", "heartbeat"}}}},
		{"another link is closed", func(s *rt.Recording) { closes(s, 1, 2, rt.Deleted+time.Second) }, []want{{pair(1, 2), check.Fail, "link-replaced", nil}}},
		{"a link is lost", func(s *rt.Recording) {
			s.Change(isSockets(1, rt.Deleted+time.Second), func(e *recording.Event) { e.Sockets.Links = e.Sockets.Links[:1] })
		}, []want{{pair(1, 2), check.Fail, "link-lost", nil}}},
		{"large packets, and the link of the two is given up", func(s *rt.Recording) { large(s); closes(s, 0, 1, rt.Deleted+time.Second) }, []want{
			{pair(0, 1), check.NotApplicable, "", []string{"stalls"}}, {pair(0, 2), check.NotApplicable, "", nil}}},
		{"not watched before", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isSockets(1, 0)(e) && e.T < rt.Deleted })
		}, []want{{pair(1, 2), check.Unseen, "", nil}}},
		{"not watched at the end", func(s *rt.Recording) { s.Drop(isSockets(1, 26*time.Second)) }, []want{{pair(1, 2), check.Unseen, "", nil}}},
	})
}
