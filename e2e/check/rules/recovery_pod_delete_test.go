package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryPodDelete(t *testing.T) {
	try(t, "recovery/pod-delete", []trial{
		noDeletion(), oneReplica(), noOthersReady(),
		{"a quota refuses the replacement", func(s *rt.Recording) {
			s.Drop(isPod(3))
			s.Add(recording.Event{T: rt.Deleted + time.Second, By: "kube", Notice: &recording.Notice{Object: "ReplicaSet/derl-7f9c", Type: "Warning", Reason: "FailedCreate", Message: `Error creating: pods "derl-7f9c-abc" is forbidden: exceeded quota: small`}})
		}, []want{{pod(0), check.Fail, "no-replacement", []string{"there is no new pod: Kubernetes refuses them: exceeded quota: small"}}}},
		{"no replacement", func(s *rt.Recording) { s.Drop(isPod(3)) }, []want{{pod(0), check.Fail, "no-replacement", []string{rt.Name(0), "no new pod", "7 s"}}}},
		{"one survivor does not see the replacement", func(s *rt.Recording) { blind(s, 1, 3, 0) }, []want{{pair(1, 3), check.Fail, "replacement-alone",
			[]string{"7 s after the deletion of " + rt.Name(0), rt.Node(1) + " does not see " + rt.Node(3), "[" + rt.Node(2) + "]", "logs " + rt.Name(1)}}}},
		{"the replacement sees nobody", func(s *rt.Recording) { blind(s, 3, 1, 0); blind(s, 3, 2, 0) }, []want{
			{pair(3, 1), check.Fail, "replacement-alone", []string{rt.Node(3) + " does not see " + rt.Node(1)}}, {pair(3, 2), check.Fail, "replacement-alone", nil}}},
		{"joined and lost again", func(s *rt.Recording) { blind(s, 1, 3, 27*time.Second) }, []want{{pair(1, 3), check.Fail, "replacement-lost", []string{"saw it first 3.5 s after"}}}},
		{"joined, lost and joined for good", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isNodes(1, 26*time.Second)(e) && e.T < 27*time.Second }, func(e *recording.Event) {
				e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3))
			})
		}, nil},
		{"a survivor's view was not seen", func(s *rt.Recording) { s.Drop(isNodes(1, rt.Deleted)) }, []want{{pair(1, 3), check.Unseen, "", []string{rt.Name(1)}}}},
		{"a survivor's view was not seen at the end", func(s *rt.Recording) { s.Drop(isNodes(1, 26*time.Second)) }, []want{{pair(1, 3), check.Unseen, "", []string{rt.Name(1), "last 3."}}}},
		{"a survivor's view of 200 ms before the end", func(s *rt.Recording) { s.Drop(isNodes(1, rt.Recovered-200*time.Millisecond)) }, nil},
		{"the replacement was never asked", func(s *rt.Recording) { s.Drop(isNodes(3, 0)) }, []want{{rt.Name(3) + " -> *", check.Unseen, "", []string{rt.Name(3)}}}},
		{"the replacement has the victim's name", takesOverName, nil},
		{"the replacement has the victim's name, and only the old one was seen", func(s *rt.Recording) {
			takesOverName(s)
			blind(s, 1, 0, rt.Exited)
		}, []want{{pair(1, 3), check.Fail, "replacement-alone", []string{rt.Node(0)}}}},
		noMeshMeant(), {"a star", star, nil}, {"the replacement is in no star", func(s *rt.Recording) { star(s); parted(s, rt.Deleted, func(i, j int) bool { return i < 3 && j < 3 }) }, []want{{pod(3), check.Fail, "replacement-alone", []string{rt.Node(3), "not in a cluster with any of the remaining nodes"}}}},
		{"the replacement's view was not seen", func(s *rt.Recording) { star(s); s.Drop(isNodes(3, 0)) }, []want{{pod(3), check.Unseen, "", nil}}}})
}
