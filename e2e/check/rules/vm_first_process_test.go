package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
)

func TestVMFirstProcess(t *testing.T) {
	try(t, "vm/first-process", slices.Concat([]trial{
		{"a shell", vm(1, func(m *recording.VM) { m.NSPID, m.First, m.FirstDeaf = 7, "sh", true }), []want{{pod(1), check.Fail, "shell-first", []string{"is sh", "process 7", "ENTRYPOINT"}}}},
		{"a script", vm(1, func(m *recording.VM) { m.NSPID, m.First, m.FirstDeaf = 7, "entrypoint.sh", true }), []want{{pod(1), check.Fail, "shell-first", []string{"is entrypoint.sh"}}}},
		{"a shell with a trap", vm(1, func(m *recording.VM) { m.NSPID, m.First = 7, "sh" }), nil},
		{"an init", vm(1, func(m *recording.VM) { m.NSPID, m.First = 7, "tini" }), nil},
	}, unseenVM()))
}
