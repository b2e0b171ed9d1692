package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestImageAvailable(t *testing.T) {
	isImage := func(e recording.Event) bool { return e.Image != nil }
	try(t, "image/available", []trial{
		{"build failed", func(s *rt.Recording) {
			s.Change(isImage, func(e *recording.Event) {
				e.Image.Outcome, e.Image.Detail = "failed", "STEP 4\nrebar3: no such file"
			})
		}, []want{{"image " + rt.Image, check.Fail, "image-failed", []string{rt.Image, "rebar3: no such file"}}}},
		{"a node cannot pull it", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Phase, e.Pod.Ready, e.Pod.IP = "Pending", false, ""
				c := &e.Pod.Containers[0]
				c.State, c.Reason, c.Message = "waiting", "ImagePullBackOff", "no such host"
			})
		}, []want{{"image " + rt.Image, check.Fail, "not-pulled", []string{rt.Image, rt.Name(1), "(ImagePullBackOff)", "no such host", "describe pod " + rt.Name(1)}},
			{pod(1), check.Fail, "not-pulled", []string{rt.Image, "(ImagePullBackOff)"}}}},
		{"not recorded", func(s *rt.Recording) { s.Drop(isImage) }, []want{{whole, check.Unseen, "", []string{"no image"}}}},
		{"pulled", func(s *rt.Recording) { s.Change(isImage, func(e *recording.Event) { e.Image.Outcome = "pulled" }) }, nil},
	})
}
