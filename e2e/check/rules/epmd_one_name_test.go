package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDOneName(t *testing.T) {
	try(t, "epmd/one-name", []trial{
		noEPMD(), epmdNotAsked(),
		{"two nodes", lists(2, 0, registeredDerl(), recording.Registered{Name: "helper", Port: 40001}),
			[]want{{pod(2), check.Fail, "several-names", []string{"epmd on " + rt.IP(2) + ":4369 lists 2 nodes", "name helper at port 40001", "-names"}}}},
		{"a remote console", lists(2, 0, registeredDerl(), recording.Registered{Name: "rem-1f0e-derl", Port: 40001}), nil},
		{"a command of the release", lists(2, 0, registeredDerl(), recording.Registered{Name: "rpc-1f0e-derl", Port: 40001}, recording.Registered{Name: "remsh7a6b-derl", Port: 40002}), nil},
	})
}
