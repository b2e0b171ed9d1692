package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryFullAgain(t *testing.T) {
	try(t, "recovery/full-again", []trial{
		noDeletion(),
		{"two survivors have lost each other", func(s *rt.Recording) { blind(s, 1, 2, 24*time.Second); blind(s, 2, 1, 24*time.Second) }, []want{
			{pair(1, 2), check.Fail, "not-in-view", []string{"7 s after the deletion of " + rt.Name(0), rt.Node(1) + " does not see " + rt.Node(2), "[" + rt.Node(3) + "]"}}, {pair(2, 1), check.Fail, "not-in-view", nil}}},
		{"lost and found again", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isNodes(1, 24*time.Second)(e) && e.T < 26*time.Second }, func(e *recording.Event) { e.Nodes.Visible = nil })
		}, nil},
		{"one view was not seen", func(s *rt.Recording) { s.Drop(isNodes(1, 26*time.Second)) }, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		{"nobody else was there", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Pod != nil && !isPod(1)(e) && !isPod(0)(e) })
		}, []want{{whole, check.Unseen, "", []string{"fewer than"}}}},
		noMeshMeant(), {"a star", star, nil}, {"the replacement is not in the star again", func(s *rt.Recording) { star(s); parted(s, rt.Deleted, func(i, j int) bool { return i < 3 && j < 3 }) }, []want{
			{pair(1, 3), check.Fail, "not-in-view", nil}, {pair(2, 3), check.Fail, "not-in-view", nil}, {pair(3, 1), check.Fail, "not-in-view", nil}, {pair(3, 2), check.Fail, "not-in-view", nil}}}})
}
