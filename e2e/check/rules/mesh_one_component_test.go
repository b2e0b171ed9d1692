package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshOneComponent(t *testing.T) {
	try(t, "mesh/one-component", []trial{
		ownProbeVisible(),
		{"two clusters", apart, []want{{"group of " + rt.Name(3), check.Fail, "separate-clusters",
			[]string{"2 disjoint clusters 14 s after", rt.Name(3) + " and " + rt.Name(4), "cluster 1: " + rt.Name(0) + ", " + rt.Name(1) + " and " + rt.Name(2), "logs " + rt.Name(3)}}}},
		{"one view of another group was not seen", func(s *rt.Recording) { apart(s); s.Drop(isNodes(4, 0)) }, []want{{"group of " + rt.Name(3), check.Unseen, "", []string{rt.Name(4), "not known"}}}},
		{"one-sided views hang together", func(s *rt.Recording) { blind(s, 0, 2, 0); blind(s, 1, 2, 0) }, nil},
		{"one view was not seen, but others hold it", func(s *rt.Recording) { s.Drop(isNodes(2, 0)) }, nil},
		{"the only pod was not asked", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isPod(1)(e) || isPod(2)(e) || isNodes(0, 0)(e) })
		}, []want{{whole, check.Unseen, "", []string{rt.Name(0)}}}},
		{"no agent", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"group*", check.Unseen, "", nil}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},
		noMeshMeant(), {"a star", star, nil}})
}
