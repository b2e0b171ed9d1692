package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRolloutReplacesAll(t *testing.T) {
	end := rt.RolledOut(3)
	notReady := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return isPod(5)(e) }, func(e *recording.Event) {
			e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
		})
	}
	try(t, "rollout/replaces-all", []trial{
		noRollout(), otherWorkload(),
		{"an old pod stays", func(s *rt.Recording) { neverEnds(s); notReady(s) }, []want{
			{pod(2), check.Fail, "stuck", []string{"7 s after the rollout started", rt.Name(2) + " of the old version still exists", rt.Name(5) + " of the new version is Running and not Ready: containers with unready"}}}},
		{"the image of the new version cannot be pulled", func(s *rt.Recording) {
			neverEnds(s)
			notReady(s)
			s.Change(isPod(5), func(e *recording.Event) {
				e.Pod.Containers = []recording.Container{{Name: "derl", State: "waiting", Reason: "ImagePullBackOff", Message: "Back-off pulling image"}}
			})
		}, []want{{pod(2), check.Fail, "stuck", []string{rt.Name(5) + " of the new version is Running and not Ready: its container derl is waiting (ImagePullBackOff): Back-off pulling image"}}}},
		{"an old pod does not end", func(s *rt.Recording) {
			neverEnds(s)
			s.Change(func(e recording.Event) bool { return isPod(2)(e) && e.T > rt.Began+3*time.Second }, func(e *recording.Event) { e.Pod.Deleting = true })
		}, []want{{pod(2), check.Fail, "stuck", []string{"is terminating but has not exited"}}}},
		{"no new pod", func(s *rt.Recording) {
			neverEnds(s)
			s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) })
		}, []want{{pod(2), check.Fail, "stuck", []string{"no pod of the new version was created"}}}},
		{"no new pod is Ready", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(3)(e) || isPod(4)(e) || isPod(5)(e) }, func(e *recording.Event) { e.Pod.Ready = false })
		}, []want{{whole, check.Fail, "stuck", []string{"none of the new version is Ready"}}}},
		{"one does not see the other", func(s *rt.Recording) { blind(s, 3, 5, 0) }, []want{
			{pair(3, 5), check.Fail, "not-in-view", []string{"7 s after the rollout started, " + rt.Node(3) + " does not see " + rt.Node(5)}}}},
		{"one is not seen at the end", func(s *rt.Recording) { s.Drop(isNodes(4, end-4*time.Second)) }, []want{{pod(4), check.Unseen, "", []string{rt.Name(4)}}}},
	})
}
