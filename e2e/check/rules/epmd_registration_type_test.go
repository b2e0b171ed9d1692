package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestEPMDRegistrationType(t *testing.T) {
	isRegistration := func(e recording.Event) bool {
		return e.Registration != nil && e.Registration.Pod == rt.UID(2)
	}
	typed := func(kind string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isRegistration, func(e *recording.Event) { e.Registration.Type = kind })
		}
	}
	try(t, "epmd/registration-type", []trial{
		noEPMD(),
		{"hidden", typed("hidden"), []want{{pod(2), check.Fail, "hidden", []string{"derl of " + rt.Name(2), "hidden node", "-hidden"}}}},
		{"of an unknown type", typed("7"), []want{{pod(2), check.Unseen, "", []string{"type 7"}}}},
		{"not asked", func(s *rt.Recording) { s.Drop(isRegistration) }, []want{{pod(2), check.Unseen, "", []string{rt.Name(2)}}}},
		{"epmd did not know it in the end", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isRegistration(e) && e.T > 10*time.Second }, func(e *recording.Event) {
				e.Registration.Outcome, e.Registration.Type = "not-registered", ""
			})
		}, nil},
	})
}
