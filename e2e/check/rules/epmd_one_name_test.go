package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// twoContainers gives pod i a second container.
func twoContainers(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(i), func(e *recording.Event) {
			e.Pod.Containers = append(e.Pod.Containers, recording.Container{Name: "sidecar", State: e.Pod.Containers[0].State, Reason: e.Pod.Containers[0].Reason})
		})
	}
}

func TestEPMDOneName(t *testing.T) {
	helper := lists(2, 0, registeredDerl(), recording.Registered{Name: "helper", Port: 40001})
	try(t, "epmd/one-name", []trial{
		noEPMD(), epmdNotAsked(),
		{"two nodes", lists(2, 0, registeredDerl(), recording.Registered{Name: "helper", Port: 40001}),
			[]want{{pod(2), check.Fail, "several-names", []string{"epmd on " + rt.IP(2) + ":4369 lists 2 nodes", "name helper at port 40001", "-names"}}}},
		{"a remote console", lists(2, 0, registeredDerl(), recording.Registered{Name: "rem-1f0e-derl", Port: 40001}), nil},
		{"a VM in another container", all(twoContainers(2), helper), nil},
		{"a VM in another container that takes the node's port", all(twoContainers(2), lists(2, 0, registeredDerl(), recording.Registered{Name: "helper", Port: rt.DistPort})), []want{{pod(2), check.Fail, "several-names", nil}}},
		{"a VM in another container that is in the mesh", all(twoContainers(2), helper, seesToo(0, "helper@"+rt.IP(2), rt.Full, rt.Formed)), []want{{pod(2), check.Fail, "several-names", nil}}},
		{"a command of the release", lists(2, 0, registeredDerl(), recording.Registered{Name: "rpc-1f0e-derl", Port: 40001}, recording.Registered{Name: "remsh7a6b-derl", Port: 40002}), nil},
	})
}
