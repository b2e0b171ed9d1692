package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestVMBusyWait(t *testing.T) {
	limit := field(`"resources":{"limits":{"cpu":"500m"}}`)
	spins := vm(1, func(m *recording.VM) { m.Args = slices.DeleteFunc(m.Args, func(a string) bool { return a == "-sbwt" }) })
	try(t, "vm/busy-wait", slices.Concat([]trial{
		{"no limit", func(*rt.Recording) {}, []want{{"pod *", check.NotApplicable, "", []string{"CPU limit"}}}},
		{"spins under a limit", all(limit, spins), []want{{pod(1), check.Fail, "spins", []string{"500m", "+sbwt none"}}, {"pod *", check.Pass, "", nil}}},
	}, unseenVM(want{"pod *", check.NotApplicable, "", nil})))
}
