package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestHandshakeNamesUnique(t *testing.T) {
	try(t, "handshake/names-unique", []trial{
		nodeNotHeard(), noAgent(),
		{"one name for two", calls(2, rt.Node(1)), []want{{pod(1), check.Fail, "same-name", []string{"2 pods have the same node name", rt.Name(1) + " and " + rt.Name(2), rt.Node(1)}}, {pod(2), check.Fail, "same-name", nil}}},
	})
}
