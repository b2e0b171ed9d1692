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

// Pods that Kubernetes refuses to create are not waited for, once that has lasted: not where a webhook cannot be reached, nor where one
// came meanwhile.
func TestHopelessRefused(t *testing.T) {
	const quota = `Error creating: pods "derl-7f9c-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`
	notice := func(at time.Duration, object, message string) recording.Event {
		return recording.Event{T: at, By: "kube", Notice: &recording.Notice{Object: object, Type: "Warning", Reason: "FailedCreate", Message: message}}
	}
	const set = "ReplicaSet/derl-7f9c"
	for name, c := range map[string]struct {
		events []recording.Event
		want   string
	}{
		"a quota":                       {[]recording.Event{notice(5*time.Second, set, quota), notice(39*time.Second, set, quota)}, "2 of 3 pods were created, and for 35 s Kubernetes has refused the others: " + quota},
		"Pod Security":                  {[]recording.Event{notice(5*time.Second, set, `Error creating: pods "x" is forbidden: violates PodSecurity "baseline:latest": privileged`)}, "violates PodSecurity"},
		"a limit":                       {[]recording.Event{notice(5*time.Second, set, `pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 256Mi`)}, "maximum memory"},
		"no account":                    {[]recording.Event{notice(5*time.Second, set, `pods "x" is forbidden: error looking up service account shop/derl: serviceaccount "derl" not found`)}, "serviceaccount"},
		"a webhook":                     {[]recording.Event{notice(5*time.Second, set, `admission webhook "policy.example" denied the request: no`)}, "denied"},
		"a webhook that is not reached": {[]recording.Event{notice(5*time.Second, set, `failed calling webhook "policy.example": connection refused`)}, ""},
		"a moment ago":                  {[]recording.Event{notice(30*time.Second, set, quota)}, ""},
		"another's":                     {[]recording.Event{notice(5*time.Second, "ReplicaSet/web-7f9c", quota)}, ""},
		"no event":                      {nil, ""},
	} {
		s := rt.Formation(3)
		s.Drop(func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(2) })
		s.Add(append(c.events, recording.Event{T: 40 * time.Second, By: "kube", Beat: &recording.Beat{}})...)
		v := fold(t, s)
		if why := v.Hopeless(); !strings.Contains(why, c.want) || c.want == "" && why != "" {
			t.Errorf("%s: %q", name, why)
		}
		if booted, what := v.Booted(); booted != (c.want != "") {
			t.Errorf("%s: booted %v, %s", name, booted, what)
		}
	}
	s := rt.Formation(3)
	s.Add(notice(5*time.Second, set, quota), recording.Event{T: 40 * time.Second, By: "kube", Beat: &recording.Beat{}})
	if why := fold(t, s).Hopeless(); why != "" {
		t.Errorf("all pods came in the end: %q", why)
	}
}
