package rules_test

import (
	"fmt"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDListens(t *testing.T) {
	bound := func(listen ...string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isSockets(2, 0), func(e *recording.Event) {
				e.Sockets.Listen = append([]string{fmt.Sprintf("0.0.0.0:%d", rt.DistPort)}, listen...)
			})
		}
	}
	args := func(change func(args []string) []string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			bound()(s)
			s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) { e.VM.Args = change(e.VM.Args) })
		}
	}
	try(t, "epmd/listens", []trial{
		{"it has ended", bound(), []want{{pod(2), check.Fail, "dead", []string{"epmd of " + rt.Name(2) + " is dead", "cannot find " + rt.Node(2)}}}},
		{"on loopback", bound("127.0.0.1:4369", "[::1]:4369"), []want{{pod(2), check.Fail, "loopback-only", []string{"127.0.0.1:4369 and [::1]:4369 only"}}}},
		{"on IPv6, too", bound("127.0.0.1:4369", "[::]:4369"), nil},
		{"a module of their own", args(func(a []string) []string { return append([]string{"-epmd_module", "own"}, a...) }), []want{{"pod *", check.NotApplicable, "", []string{"-epmd_module"}}}},
		{"without a name", args(func([]string) []string { return []string{"-boot", "start"} }), []want{{"pod *", check.NotApplicable, "", []string{"without a node name"}}}},
		{"no epmd is used", func(s *rt.Recording) { bound()(s); edit(s, func(p *profile.Resolved) { p.EPMDPort = 0 }) }, []want{{whole, check.NotApplicable, "", nil}}},
		{"its sockets were not read", func(s *rt.Recording) { s.Drop(isSockets(2, 0)) }, []want{{pod(2), check.Unseen, "", []string{"not read"}}}},
		{"its VM was not seen", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(2) })
		}, []want{{pod(2), check.Unseen, "", nil}}},
	})
}
