package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoverySurvivorsKeepLinks(t *testing.T) {
	relink := func(s *rt.Recording, from time.Duration) {
		for i := 1; i <= 2; i++ {
			s.Change(isSockets(i, from), func(e *recording.Event) {
				for k := range e.Sockets.Links {
					l := &e.Sockets.Links[k]
					l.Local, l.Remote = swap(l.Local), swap(l.Remote)
				}
			})
		}
	}
	try(t, "recovery/survivors-keep-links", []trial{
		noDeletion(), oneReplica(),
		{"nobody else was Ready", noOthersReady().change, []want{{whole, check.Unseen, "", nil}}},
		{"replaced", func(s *rt.Recording) { relink(s, 24*time.Second) }, []want{{pair(1, 2), check.Fail, "link-replaced",
			[]string{rt.IP(1) + ":10000 - " + rt.Ephemeral(2, 1), rt.Name(1), rt.Name(2), "2.0 s after the deletion of " + rt.Name(0), "a new connection replaced it", swap(rt.Ephemeral(2, 1))}}}},
		{"lost", func(s *rt.Recording) {
			s.Change(isSockets(1, 24*time.Second), func(e *recording.Event) { e.Sockets.Links = nil })
		}, []want{{pair(1, 2), check.Fail, "link-lost", []string{rt.Ephemeral(2, 1), "2.0 s"}}}},
		{"replaced while nobody looked", func(s *rt.Recording) {
			relink(s, 23*time.Second)
			s.Drop(func(e recording.Event) bool { return isSockets(1, 23*time.Second)(e) && e.T < 26*time.Second })
		}, []want{{pair(1, 2), check.Fail, "link-replaced", nil}}},
		{"not watched for a while", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isSockets(1, 23*time.Second)(e) && e.T < 26*time.Second })
		}, nil},
		{"missed in one table", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isSockets(1, 24*time.Second)(e) && e.T < 24200*time.Millisecond }, func(e *recording.Event) { e.Sockets.Links = nil })
		}, nil},
		{"a slow dial of our own through the whole baseline", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isSockets(1, 0)(e) && e.T < 22100*time.Millisecond }, func(e *recording.Event) {
				e.Sockets.Links = append(e.Sockets.Links, recording.Link{Local: rt.IP(1) + ":55555", Remote: rt.IP(2) + ":10000"})
			})
		}, nil},
		{"not watched before", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isSockets(1, 0)(e) && e.T < rt.Deleted })
		}, []want{{pair(1, 2), check.Unseen, "", []string{"before the deletion"}}}},
		{"not watched at the end", func(s *rt.Recording) { s.Drop(isSockets(1, 26*time.Second)) }, []want{{pair(1, 2), check.Unseen, "", []string{"last 3."}}}},
		{"not watched after", func(s *rt.Recording) { s.Drop(isSockets(1, rt.Deleted+1)) }, []want{{pair(1, 2), check.Unseen, "", []string{rt.Name(1)}}}},
		{"no socket table can be read", func(s *rt.Recording) {
			s.Change(isSockets(1, 0), func(e *recording.Event) { e.Sockets.Outcome, e.Sockets.Links = recording.ProbeError, nil })
		}, []want{{pair(1, 2), check.Unseen, "", nil}}},
		{"no two had a link", alone, []want{{whole, check.NotApplicable, "", []string{"no two of the untouched nodes"}}}}, {"a star", star, nil}})
}

// swap is the address with another ephemeral port; that of the distribution stays.
func swap(addr string) string {
	if addr == rt.Ephemeral(2, 1) {
		return rt.IP(2) + ":51234"
	}
	return addr
}
