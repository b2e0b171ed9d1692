package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshLinked(t *testing.T) {
	cut := func(s *rt.Recording, pairs ...[2]int) {
		for _, p := range pairs {
			unlinked(s, p[0], p[1], 0, rt.Recovered)
			unlinked(s, p[1], p[0], 0, rt.Recovered)
		}
	}
	noPort := func(s *rt.Recording) {
		edit(s, func(p *profile.Resolved) { p.DistPort = 0 })
		s.Drop(func(e recording.Event) bool { return e.EPMD != nil })
	}
	try(t, "mesh/linked", []trial{
		{"a node without links", func(s *rt.Recording) { cut(s, [2]int{0, 2}, [2]int{1, 2}) }, []want{{"group of " + rt.Name(2), check.Fail, "alone",
			[]string{rt.Name(2) + " has no link to any other of the 3 Ready pods", "/proc/net/tcp"}}}},
		{"two groups", func(s *rt.Recording) {
			*s = *rt.Console(5)
			for _, i := range []int{0, 1, 2} {
				cut(s, [2]int{i, 3}, [2]int{i, 4})
			}
		}, []want{{"group of " + rt.Name(3), check.Fail, "split", []string{rt.Name(3) + " and " + rt.Name(4), rt.Name(0) + ", " + rt.Name(1) + " and " + rt.Name(2), "2 groups"}}}},
		{"one table without a link is enough", func(s *rt.Recording) {
			cut(s, [2]int{0, 2}, [2]int{1, 2})
			s.Drop(isSockets(2, 0))
		}, []want{{"group of " + rt.Name(2), check.Fail, "alone", nil}, {pod(2), check.Unseen, "", []string{"not read"}}}},
		{"a pair of a linked mesh", func(s *rt.Recording) { cut(s, [2]int{0, 2}) }, []want{{pair(2, 0), check.Unseen, "", []string{"may be meant", "connect_all"}}}},
		{"a pair that need not be linked", func(s *rt.Recording) {
			cut(s, [2]int{0, 2})
			s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(0) }, func(e *recording.Event) {
				e.VM.Args = append([]string{"-kernel", "connect_all", "false"}, e.VM.Args...)
			})
		}, nil},
		{"one end only", func(s *rt.Recording) { unlinked(s, 0, 2, 0, rt.Recovered) }, []want{{pair(2, 0), check.Unseen, "", []string{"only one of", "proxy"}}}},
		{"connections to ports that are not known", noPort, []want{{pair(1, 0), check.Unseen, "", []string{"on which ports"}},
			{pair(2, 0), check.Unseen, "", nil}, {pair(2, 1), check.Unseen, "", nil}}},
		{"no connection at all, to ports that are not known", func(s *rt.Recording) { noPort(s); cut(s, [2]int{0, 2}, [2]int{1, 2}) },
			[]want{{"group of " + rt.Name(2), check.Fail, "alone", nil}, {pair(1, 0), check.Unseen, "", nil}}},
		{"no pod is Ready", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Ready = false })
		}, []want{{whole, check.Unseen, "", []string{"no pod is Ready"}}}},
		{"no table", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Sockets != nil }) }, []want{{"pod *", check.Unseen, "", nil}}},
		{"it is meant to be alone", alone, []want{{whole, check.NotApplicable, "", nil}}},
	})
}
