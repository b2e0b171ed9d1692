package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryNewCreation(t *testing.T) {
	const was = 1700000000
	try(t, "recovery/new-creation", []trial{
		noDeletion(),
		{"a name of its own", func(*rt.Recording) {}, []want{{pod(3), check.NotApplicable, "", []string{rt.Node(3)}}}},
		{"another creation", sameName(was + 7), []want{{pod(3), check.Pass, "", nil}}},
		{"the same creation", sameName(was), []want{{pod(3), check.Fail, "same-creation", []string{rt.Node(0), "creation 1700000000", rt.Name(3), rt.Name(0)}}}},
		{"the creation was not seen", sameName(0), []want{{pod(3), check.Unseen, "", []string{"not known both before and after"}}}},
		{"the replacement was not heard", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return isNodes(3, 0)(e) || toDist(3, 0)(e) })
		}, []want{{pod(3), check.Unseen, "", []string{"not both known"}}}},
		{"no replacement", func(s *rt.Recording) { s.Drop(isPod(3)) }, []want{{pod(0), check.Unseen, "", []string{"no pod replaced "}}}},
	})
}

// sameName gives the replacement the victim's name, as a StatefulSet does, and a creation.
func sameName(creation uint32) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		calls(3, rt.Node(0))(s)
		s.Change(func(e recording.Event) bool { return isNodes(3, 0)(e) || toDist(3, 0)(e) }, func(e *recording.Event) {
			if e.Nodes != nil {
				e.Nodes.Creation = creation
			} else {
				e.Dist.Creation = creation
			}
		})
	}
}
