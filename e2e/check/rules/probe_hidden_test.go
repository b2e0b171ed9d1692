package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestProbeHidden(t *testing.T) {
	try(t, "probe/hidden", []trial{
		{"visible for a moment", func(s *rt.Recording) { visibleProbe(s, 1) }, []want{{pod(1), check.Unseen, "probe-visible", []string{rt.Node(1), ours, "no verdict about the mesh is valid"}}}},
		{"one node was never asked", func(s *rt.Recording) { s.Drop(isNodes(2, 0)) }, []want{{pod(2), check.NotApplicable, "", []string{rt.Name(2)}}}},
		{"a node that calls itself so", calls(2, "derl@127.0.0.1"), nil},
		{"hidden, as it should be", func(s *rt.Recording) {
			s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{ours} })
		}, nil},
	})
}
