package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshStable(t *testing.T) {
	stranger := "other@10.244.9.9"
	const end = time.Hour
	try(t, "mesh/stable", []trial{
		ownProbeVisible(),

		{"falls apart for two looks", forgets(1, 0, 12*time.Second, 12300*time.Millisecond), []want{{pod(1), check.Fail, "flapping",
			[]string{rt.Node(1), "in 2 of 41 observations in the last 10 s", "misses " + rt.Node(0)}}}},
		{"a stranger for a moment", seesToo(1, stranger, 12*time.Second, 13*time.Second), []want{{pod(1), check.Fail, "flapping", []string{stranger}}}},
		{"never full", func(s *rt.Recording) { blind(s, 0, 2, 0) }, []want{{"pod *", check.Unseen, "", []string{"never full"}}}},
		{"not watched for more than a second", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isNodes(1, 10*time.Second)(e) && e.T < 11500*time.Millisecond })
		}, []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "not observed for 1.8 s"}}}},
		{"not answered for more than a second", viewFails(1, recording.Timeout, 10*time.Second, 11500*time.Millisecond), []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		{"not watched at the end", func(s *rt.Recording) { s.Drop(isNodes(1, rt.Formed-1500*time.Millisecond)) }, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		{"not watched for less than a second", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isNodes(1, 10*time.Second)(e) && e.T < 10700*time.Millisecond })
		}, nil},
		{"not watched for long enough", func(s *rt.Recording) { s.Cut(9 * time.Second) }, []want{{"pod *", check.Unseen, "", []string{"6.0 s", "10 s are needed"}}}},
		{"fell apart long before", forgets(1, 0, 4*time.Second, 4300*time.Millisecond), nil},
		{"a pod too many that is ready and in the mesh", func(s *rt.Recording) { s.Events = rt.Formation(4).Events }, nil},
		{"readiness flips", func(s *rt.Recording) { flip(s, 2, 9*time.Second, 10*time.Second) }, nil},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{"*", check.Unseen, "", nil}}},
		{"an old pod leaves in between", func(s *rt.Recording) {
			leaving(s)
			s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Deleting }, func(e *recording.Event) { e.Pod.Gone, e.T = true, 9*time.Second })
			s.Add(recording.Event{T: 8900 * time.Millisecond, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(3), PID: 1003, Exited: true}})
			s.Drop(func(e recording.Event) bool { return e.T >= 8900*time.Millisecond && isNodes(3, 0)(e) })
			for i := range 3 {
				forgets(i, 3, 8900*time.Millisecond, end)(s)
			}
		}, nil},

		{"a star", star, nil}, noMeshMeant(),
		{"a star that falls in two for a moment", func(s *rt.Recording) {
			star(s)
			s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.T > 12*time.Second && e.T < 14*time.Second }, func(e *recording.Event) {
				late := e.T > 13*time.Second // the centre notices it after the one that was lost
				e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return e.Nodes.Pod == rt.UID(2) || late && n == rt.Node(2) })
			})
		}, []want{{pod(2), check.Fail, "flapping", []string{rt.Node(2), "sees no other node"}}, {pod(0), check.Pass, "", nil}, {pod(1), check.Fail, "flapping", []string{"2 separate clusters (" + rt.Name(0) + " and 1 more | " + rt.Name(2) + ")"}}}},
	})
}
