package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestMeshOTPSpread(t *testing.T) {
	otp := func(i int, release string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isNodes(i, 0), func(e *recording.Event) { e.Nodes.OTP = release })
		}
	}
	try(t, "mesh/otp-spread", []trial{
		{"three apart", otp(1, "25"), []want{{whole, check.Fail, "too-far", []string{"OTP 25 to 28", "OTP 26 or later", rt.Name(1) + " runs OTP 25"}}}},
		{"two apart", otp(1, "26"), nil},
		{"one did not tell", otp(1, ""), nil},
		{"not heard", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Nodes != nil }) }, []want{{whole, check.Unseen, "", []string{"no node reported"}}}},
	})
}
