package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshTicktimeSame(t *testing.T) {
	try(t, "mesh/ticktime-same", slices.Concat([]trial{
		{"differs", kernel(1, func(k *recording.Kernel) { k.TickTime = 600 * time.Second }), []want{{pod(1), check.Fail, "differs", []string{"600 s", rt.Name(0) + " and " + rt.Name(2) + " have 60 s"}}}},
		{"not told by one", kernel(1, func(k *recording.Kernel) { k.TickTime = 0 }), nil},
		{"the same, not the default", all(kernel(0, func(k *recording.Kernel) { k.TickTime = 8 * time.Second }), kernel(1, func(k *recording.Kernel) { k.TickTime = 8 * time.Second }),
			kernel(2, func(k *recording.Kernel) { k.TickTime = 8 * time.Second })), nil},
	}, unseenKernel()))
}
