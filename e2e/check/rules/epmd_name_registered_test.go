package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDNameRegistered(t *testing.T) {
	try(t, "epmd/name-registered", []trial{
		noEPMD(), epmdNotAsked(),
		{"no node is registered", lists(2, 0), []want{{pod(2), check.Fail, "not-registered", []string{rt.IP(2) + ":4369", "no node"}}}},
		{"another name is registered", lists(2, 0, recording.Registered{Name: "helper", Port: 40001}), []want{{pod(2), check.Fail, "not-registered",
			[]string{"lists 1 names, but not derl", "name helper at port 40001"}}}},
		{"epmd was started anew under the node", lists(2, 9*time.Second), []want{{pod(2), check.Fail, "registration-lost",
			[]string{"epmd on " + rt.IP(2) + ":4369 listed derl until 8.5", "the node still runs", "was restarted", "next pod", "restart " + rt.Name(2)}}}},
		{"epmd was killed under the node", shut(2, 9*time.Second), []want{{pod(2), check.Fail, "registration-lost", []string{"derl until 8.5", "epmd has stopped"}}}},
		{"epmd was killed, and the node was not heard after", func(s *rt.Recording) {
			shut(2, 9*time.Second)(s)
			s.Drop(func(e recording.Event) bool {
				return e.T >= 8*time.Second && (isNodes(2, 0)(e) || e.Dist != nil && e.Dist.To == rt.UID(2))
			})
		}, nil},
		{"one answer came without the name", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return toEPMD(2, 9*time.Second)(e) && e.T < 10*time.Second }, func(e *recording.Event) { e.EPMD.Names = nil })
		}, nil},
		{"the node's name is not known", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool {
				return isNodes(2, 0)(e) || e.Dist != nil && e.Dist.To == rt.UID(2) || e.Cookie != nil && e.Cookie.Pod == rt.UID(2)
			})
		}, nil},
		{"a remote console", lists(2, 0, registeredDerl(), recording.Registered{Name: "rem-1f0e-derl", Port: 40001}), nil},
	})
}
