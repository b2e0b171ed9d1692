package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryScale(t *testing.T) {
	isBefore := func(match func(recording.Event) bool) func(recording.Event) bool {
		return func(e recording.Event) bool { return match(e) && e.T <= rt.ScaledDown }
	}
	try(t, "recovery/scale", []trial{
		{"it was not scaled", func(s *rt.Recording) { s.Drop(isAct) }, []want{{whole, check.Unseen, "", []string{"was not scaled"}}}},
		{"one pod does not come", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isPod(4)(e) || isNodes(4, 0)(e) })
			s.Add(recording.Event{T: rt.Deleted + 1, By: "kube", Notice: &recording.Notice{Object: "ReplicaSet/derl-6c9f", Type: "Warning", Reason: "FailedCreate", Message: `pods "derl-6c9f-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4`}})
		}, []want{{whole, check.Fail, "not-created", []string{"1 of 2 more pods", "exceeded quota: small", "raise ResourceQuota small"}}}},
		{"an old node does not see a new one", func(s *rt.Recording) {
			s.Change(isBefore(isNodes(0, rt.Rejoined)), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3)) })
		}, []want{{pair(0, 3), check.Fail, "not-joined", []string{rt.Node(0), rt.Node(3), "Deployment/derl was wanted", "a list that somebody wrote"}}}},
		{"the new ones do not see each other", func(s *rt.Recording) {
			for i, other := range map[int]int{3: 4, 4: 3} {
				s.Change(isBefore(isNodes(i, rt.Rejoined)), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(other)) })
			}
		}, []want{{pair(3, 4), check.Fail, "not-joined", nil}, {pair(4, 3), check.Fail, "not-joined", nil}}},
		{"the view of a new one was not seen", func(s *rt.Recording) { s.Drop(isNodes(4, 0)) }, []want{
			{pair(4, 0), check.Unseen, "", []string{"was not recorded"}}, {pair(4, 1), check.Unseen, "", nil}, {pair(4, 2), check.Unseen, "", nil}, {pair(4, 3), check.Unseen, "", nil},
		}},
		{"it is lost again when it is too many", func(s *rt.Recording) {
			s.Change(isNodes(0, rt.ScaledDown+1), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3)) })
		}, nil},
	})
}
