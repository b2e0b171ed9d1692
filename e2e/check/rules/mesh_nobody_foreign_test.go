package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshNobodyForeign(t *testing.T) {
	stranger := "other@10.244.9.9"
	try(t, "mesh/nobody-foreign", []trial{
		ownProbeVisible(), viewNotSeen(),
		{"a stranger in one view", func(s *rt.Recording) {
			s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, stranger) })
		}, []want{{pod(1), check.Fail, "foreign-node", []string{rt.Node(1), stranger, "a separate cookie and a separate Service"}}}},
		{"a stranger who comes when the mesh has long been full", func(s *rt.Recording) {
			s.Change(isNodes(1, 10*time.Second), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, stranger) })
		}, []want{{pod(1), check.Fail, "foreign-node", []string{rt.Node(1), stranger}}}},
		{"a visible remote console", func(s *rt.Recording) {
			s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, "remsh7a6b-"+rt.Node(0)) })
		}, nil},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{whole, check.Unseen, "", nil}}},

		{"nodes that are alone", alone, nil}, {"a star", star, nil},
		{"two that are meant to be alone are connected", func(s *rt.Recording) {
			means(s, profile.NoMesh)
			parted(s, 0, func(i, j int) bool { return i+j == 1 })
		}, []want{{pod(0), check.Fail, "not-alone", []string{"nodes() of " + rt.Node(0) + " contains " + rt.Node(1), "expect.topology: none"}}, {pod(1), check.Fail, "not-alone", nil}}},
	})
}
