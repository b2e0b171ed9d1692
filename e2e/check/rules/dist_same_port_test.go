package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDistSamePort(t *testing.T) {
	try(t, "dist/same-port", []trial{
		{"one port without epmd", epmdless("10000", "10000", "10000"), []want{{"pod *", check.Pass, "", nil}}},
		{"another port on one node", epmdless("10000", "10000", "10001"), []want{{pod(2), check.Fail, "other-port", []string{rt.Node(2) + " listens on port 10001", "they use port 10000"}}}},
		{"another port on all nodes", epmdless("10002", "10001", "10003"), []want{{pod(0), check.Fail, "other-port", []string{"they use port 10001"}}, {pod(2), check.Fail, "other-port", nil}}},
		{"one command line was not seen", func(s *rt.Recording) { epmdless("10000", "10000")(s); s.Drop(isVM(2)) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2), "command line"}}}},
		{"the nodes of older releases", func(s *rt.Recording) {
			epmdless()(s)
			s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) {
				e.VM.Args = append(e.VM.Args, "-start_epmd", "false", "-erl_epmd_port", "10000")
			})
		}, []want{{"pod *", check.Pass, "", nil}}},
		{"with epmd", func(*rt.Recording) {}, []want{{whole, check.NotApplicable, "", []string{"use epmd, which tells"}}}},
	})
}
