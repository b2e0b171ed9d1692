package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshAutoConnect(t *testing.T) {
	try(t, "mesh/auto-connect", slices.Concat([]trial{
		{"once", kernel(1, func(k *recording.Kernel) { k.AutoConnect = "once" }), []want{{pod(1), check.Fail, "once", []string{rt.Node(1), "dist_auto_connect once"}}}},
		{"never", kernel(1, func(k *recording.Kernel) { k.AutoConnect = "never" }), []want{{pod(1), check.Fail, "never", []string{rt.Node(1)}}}},
	}, unseenKernel()))
}
