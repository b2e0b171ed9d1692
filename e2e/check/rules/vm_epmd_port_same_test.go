package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
)

func TestVMEPMDPortSame(t *testing.T) {
	try(t, "vm/epmd-port-same", slices.Concat([]trial{
		{"one differs", vm(1, func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4370"} }), []want{{pod(1), check.Fail, "differs", []string{"4370", "use 4369"}}}},
		{"all have another", everyVM(func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4370"} }), nil},
		{"said and not said", vm(1, func(m *recording.VM) { m.Env = map[string]string{"ERL_EPMD_PORT": "4369"} }), nil},
	}, unseenVM()))
}
