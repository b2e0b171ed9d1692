package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
)

func TestMeshPartitionsPreventedSame(t *testing.T) {
	try(t, "mesh/partitions-prevented-same", slices.Concat([]trial{
		{"differs", kernel(1, func(k *recording.Kernel) { k.Prevents = "false" }), []want{{pod(1), check.Fail, "differs", []string{"prevent_overlapping_partitions false", "have true"}}}},
		{"too old to have it", kernel(1, func(k *recording.Kernel) { k.Prevents = "" }), nil},
	}, unseenKernel()))
}
