package view_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// A node that speaks TLS cannot be asked where the profile names no certificate; the others are looked at for a while.
func TestHopelessOverTLS(t *testing.T) {
	s := rt.Formation(3)
	s.Change(func(e recording.Event) bool { return e.VM != nil && e.VM.Pod == rt.UID(1) }, func(e *recording.Event) {
		e.VM.Args = append(e.VM.Args, "-proto_dist", "inet_tls")
	})
	if why := fold(t, s).Hopeless(); !strings.Contains(why, rt.Name(1)) || !strings.Contains(why, "spec.tls.secret") {
		t.Errorf("%q", why)
	}
	s.Cut(8 * time.Second)
	if why := fold(t, s).Hopeless(); why != "" {
		t.Errorf("after a moment: %q", why)
	}
	s = rt.Formation(3)
	var p profile.Resolved
	s.Edit(&p, func() { p.TLS = "derl-tls" })
	if why := fold(t, s).Hopeless(); why != "" {
		t.Errorf("with a certificate: %q", why)
	}
}

// A pod that waits for an image for long is hopeless; one failed attempt is not, unless no other can help.
func TestHopeless(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		last   time.Duration
		want   bool
	}{
		"an attempt failed a moment ago": {"ErrImagePull", 5 * time.Second, false},
		"it goes on failing":             {"ImagePullBackOff", 0, true},
		"it may not be pulled":           {"ErrImageNeverPull", 5 * time.Second, true},
		"it is being created":            {"ContainerCreating", 0, false},
	} {
		s := rt.Formation(3)
		if c.last > 0 {
			s.Cut(c.last)
		} else {
			s.Add(recording.Event{T: 40 * time.Second, By: "kube", Beat: &recording.Beat{}})
		}
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) {
			e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "waiting", c.reason
		})
		if why := fold(t, s).Hopeless(); (why != "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
}
