package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestVMHidden(t *testing.T) {
	try(t, "vm/hidden", slices.Concat([]trial{
		{"one", vm(1, func(m *recording.VM) { m.Args = append(m.Args, "-hidden") }), []want{{pod(1), check.Fail, "hidden", []string{rt.Name(0) + " and " + rt.Name(2)}}}},
		{"one, as it is registered", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Registration != nil && e.Registration.Pod == rt.UID(1) }, func(e *recording.Event) { e.Registration.Type = "hidden" })
		}, []want{{pod(1), check.Fail, "hidden", nil}}},
		{"all, on purpose", everyVM(func(m *recording.VM) { m.Args = append(m.Args, "-hidden") }), nil},
	}, unseenVM()))
}
