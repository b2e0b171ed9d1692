package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRolloutHandsOver(t *testing.T) {
	// strangers never see each other: the old version does not see the new one, nor the other way round.
	strangers := func(s *rt.Recording) {
		version := func(uidOrNode string) bool {
			return slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool { return uidOrNode == rt.UID(i) || uidOrNode == rt.Node(i) })
		}
		s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
			e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return version(n) != version(e.Nodes.Pod) })
		})
	}
	try(t, "rollout/hands-over", []trial{
		noRollout(), otherWorkload(),
		{"the new version keeps to itself", strangers, []want{{whole, check.Fail, "founded-anew", []string{"the last pod of the old version, " + rt.Name(2) + ", exited", rt.Node(3) + " ran at the same time for", "neither saw the other", "same cookie"}}}},
		{"the new version comes when the old has gone", func(s *rt.Recording) {
			strangers(s)
			s.Drop(func(e recording.Event) bool {
				return e.Nodes != nil && e.T < rt.Began+4300*time.Millisecond && (e.Nodes.Pod == rt.UID(3) || e.Nodes.Pod == rt.UID(4) || e.Nodes.Pod == rt.UID(5))
			})
			s.Change(func(e recording.Event) bool {
				return (isPod(3)(e) || isPod(4)(e) || isPod(5)(e)) && e.T < rt.Began+4300*time.Millisecond
			}, func(e *recording.Event) { e.Pod.Ready = false })
		}, []want{{whole, check.Fail, "founded-anew", []string{"no new node had started yet", "maxUnavailable: 1"}}}},
		{"an old node alone saw a new one", func(s *rt.Recording) {
			strangers(s)
			s.Change(func(e recording.Event) bool { return isNodes(2, rt.Began+2*time.Second)(e) }, func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(3)) })
		}, nil},
		{"a new one was not seen meanwhile", func(s *rt.Recording) {
			strangers(s)
			s.Drop(func(e recording.Event) bool { return isNodes(3, 0)(e) && e.T < rt.Began+4*time.Second })
		}, []want{{whole, check.Unseen, "", []string{rt.Name(3), "while both versions"}}}},
		{"an old one is still there", func(s *rt.Recording) { strangers(s); neverEnds(s) }, []want{{whole, check.Unseen, "", []string{rt.Name(2), "still exists"}}}},
		{"no new pod", func(s *rt.Recording) {
			strangers(s)
			s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) })
		}, []want{{whole, check.Unseen, "", []string{"no pod of the new version"}}}},
	})
}
