package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshConnectsAll(t *testing.T) {
	try(t, "mesh/connects-all", slices.Concat([]trial{
		componentMeant(), noMeshMeant(),
	}, []trial{
		{"not", kernel(1, func(k *recording.Kernel) { k.ConnectAll = "false" }), []want{{pod(1), check.Fail, "partial", []string{rt.Node(1), "connect_all false"}}}},
	}, unseenKernel()))
}
