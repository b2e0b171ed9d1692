package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshFull(t *testing.T) {
	stranger := "other@10.244.9.9"
	const end = time.Hour
	try(t, "mesh/full", []trial{
		ownProbeVisible(),

		{"one node does not see another", func(s *rt.Recording) { blind(s, 0, 2, 0) }, []want{{pair(0, 2), check.Fail, "not-in-view",
			[]string{rt.Node(0) + " (" + rt.Name(0) + ") does not see " + rt.Node(2), "14 s", "nodes() is [" + rt.Node(1) + "]", "logs " + rt.Name(0)}}}},
		{"a stranger in one view", seesToo(1, stranger, 0, end), nil},
		{"a dead one in one view", func(s *rt.Recording) {
			leaving(s)
			s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Deleting }, func(e *recording.Event) { e.Pod.Gone, e.T = true, 4*time.Second })
			s.Drop(func(e recording.Event) bool { return e.T >= 4*time.Second && (isNodes(3, 0)(e) || isSockets(3, 0)(e)) })
			forgets(0, 3, 4*time.Second, end)(s)
			forgets(2, 3, 4*time.Second, end)(s)
			// The mesh was full before the fourth pod left.
			blind(s, 0, 2, 0)
			s.Change(isNodes(0, 14*time.Second), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(2)) })
		}, []want{{pod(1), check.Fail, "stale-node", []string{rt.Node(1), rt.Node(3), "whose pod is gone"}}}},
		{"too few", func(s *rt.Recording) { s.Drop(isPod(2)) }, []want{
			{whole, check.Fail, "too-few", []string{"2 of 3"}}}},
		{"the run ended before it was deployed", neverDeployed, []want{{whole, check.Unseen, "", []string{"the workload was not deployed"}}}},
		{"one view was not seen", func(s *rt.Recording) { s.Drop(isNodes(2, 0)) }, []want{{rt.Name(2) + " -> *", check.Unseen, "", []string{rt.Name(2)}}}},
		{"one node cannot be asked", viewFails(2, recording.Denied, 0, end), []want{{rt.Name(2) + " -> *", check.Unseen, "", []string{rt.Name(2), "closed-after-reply", "what was seen"}}}},
		{"no agent", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"derl*", check.Unseen, "", nil}}},
		{"the API server was not watched", func(s *rt.Recording) { s.Drop(byKube) }, []want{{whole, check.Unseen, "", []string{"API server"}}}},
		{"a node that never told its name is known by its address", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool {
				return isNodes(2, 0)(e) || isDist(0, 2)(e) || isDist(1, 2)(e) || e.Cookie != nil && e.Cookie.Pod == rt.UID(2)
			})
		}, []want{{rt.Name(2) + " -> *", check.Unseen, "", nil}}},
		{"the youngest view is 200 ms old", func(s *rt.Recording) { s.Drop(isNodes(1, rt.Formed-200*time.Millisecond)) }, nil},
		{"full, and falls apart later", forgets(0, 2, 10*time.Second, end), nil},
		{"a pod too many that is not ready yet", surge, nil},
		{"a pod too many that is ready and in the mesh", func(s *rt.Recording) { s.Events = rt.Formation(4).Events }, nil},
		{"an old pod is on its way out and still in the views", leaving, nil},
		{"the agent came late", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.T < 5*time.Second && e.Cookie == nil })
		}, nil},
		componentMeant(), noMeshMeant()})
}
