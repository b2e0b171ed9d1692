package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestCookieStrength(t *testing.T) {
	// strength changes what the recording says of the cookie's value; "" takes it out.
	strength := func(is string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Secret" }, func(e *recording.Event) {
				if e.Object.Cookies = nil; is != "" {
					e.Object.Cookies = map[string]string{"cookie": is}
				}
			})
		}
	}
	secret := "object Secret/" + rt.Service
	try(t, "manifest/cookie-strength", slices.Concat([]trial{
		{"a word", strength("word"), []want{{secret, check.Fail, "word", []string{"common word", "urandom"}}}},
		{"a few characters", strength("short"), []want{{secret, check.Fail, "short", []string{"so short", "urandom"}}}},
		{"its value is not in the manifests", strength(""), []want{{whole, check.NotApplicable, "", []string{"no Secret in the manifests shows"}}}},
	}, unreadable()))
}
