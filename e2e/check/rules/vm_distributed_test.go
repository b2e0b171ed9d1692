package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestVMDistributed(t *testing.T) {
	try(t, "vm/distributed", slices.Concat([]trial{
		{"no name", undistributed(), []want{{pod(2), check.Fail, "not-distributed", []string{rt.Name(2), "-name NAME@${POD_IP}", "-n " + rt.Namespace}}}},
		{"told not to be", all(undistributed(), vm(2, func(m *recording.VM) { m.Env = map[string]string{"RELEASE_DISTRIBUTION": "none"} })),
			[]want{{pod(2), check.Fail, "not-distributed", []string{"RELEASE_DISTRIBUTION is none", "RELEASE_DISTRIBUTION=name"}}}},
		{"named by its own code", vm(2, drop("-name")), nil},
		{"a name behind -extra", all(nameless(2), vm(2, func(m *recording.VM) { m.Args = slices.Insert(m.Args, 0, "-extra") })), []want{{pod(2), check.Fail, "not-distributed", nil}}},
	}, unseenVM()))
}
