package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshNoneHidden(t *testing.T) {
	try(t, "mesh/none-hidden", []trial{
		ownProbeVisible(), viewNotSeen(),
		{"one member is hidden from another", func(s *rt.Recording) {
			blind(s, 0, 2, 0)
			s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{rt.Node(2)} })
		}, []want{{pair(0, 2), check.Fail, "hidden-member", []string{rt.Node(2) + " is in nodes(hidden) of " + rt.Node(0), "-hidden"}}}},
		{"a monitor and a console are hidden on purpose", func(s *rt.Recording) {
			s.Change(isNodes(0, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{"monitor@10.244.9.9", "rem-1f0e-" + rt.Node(0)} })
		}, nil},
	})
}
