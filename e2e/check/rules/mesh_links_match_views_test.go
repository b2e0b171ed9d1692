package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshLinksMatchViews(t *testing.T) {
	const end = time.Hour
	try(t, "mesh/links-match-views", []trial{
		ownProbeVisible(), viewNotSeen(), socketsNotWatched(),
		{"a name without a connection", func(s *rt.Recording) {
			unlinked(s, 0, 2, 11*time.Second, end)
			unlinked(s, 2, 0, 11*time.Second, end)
		}, []want{{pair(0, 2), check.Fail, "name-without-link", []string{rt.Node(2) + " is in nodes() of " + rt.Node(0), "no connection between " + rt.Name(0) + " and " + rt.Name(2), "4.0 s"}},
			{pair(2, 0), check.Fail, "name-without-link", nil}}},
		{"a connection that one end shows only", func(s *rt.Recording) { unlinked(s, 0, 2, 0, end) }, nil},
		{"a name without a connection for less than 2 s", func(s *rt.Recording) {
			unlinked(s, 0, 2, 13500*time.Millisecond, end)
			unlinked(s, 2, 0, 13500*time.Millisecond, end)
		}, nil},
		{"a connection without a name", func(s *rt.Recording) { blind(s, 0, 2, 11*time.Second) }, []want{{pair(0, 2), check.Fail, "link-without-name",
			[]string{rt.IP(0) + ":10000 - " + rt.Ephemeral(2, 0), rt.Node(2) + " is not in nodes() of " + rt.Node(0)}}}},
		{"a connection without a name for 2 s", func(s *rt.Recording) { blind(s, 0, 2, 12500*time.Millisecond) }, nil},
		{"a hidden peer's connection", func(s *rt.Recording) {
			blind(s, 0, 2, 0)
			s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{rt.Node(2)} })
		}, nil},
		{"a view was missed for a while", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isNodes(2, 9*time.Second)(e) && e.T < 12*time.Second })
		}, nil},
		{"too short", func(s *rt.Recording) { s.Cut(1700 * time.Millisecond) }, []want{{"pod *", check.Unseen, "", nil}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
	})
}
