package image

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRefusalIsRemembered(t *testing.T) {
	w := newFakeMachine(t)
	ref := hub + "library/erlang@sha256:02"
	err := w.pull(t.Context(), ref)
	no := errNoPull{}
	if !errors.As(err, &no) || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("got %v", err)
	}
	// Another image of the same registry is not pulled, and the reason is logged.
	if err = w.pull(t.Context(), hub+"kindest/node:v1"); !errors.As(err, &no) {
		t.Fatalf("got %v", err)
	}
	if asked := w.calls("podman pull"); len(asked) != 1 {
		t.Errorf("pulled %q", asked)
	}
	if !strings.Contains(w.log(), "not pulling "+hub+"kindest/node:v1: the last attempt failed ") {
		t.Errorf("messages:\n%s", w.log())
	}
	if err = w.pull(t.Context(), "other.example/a:1"); err == nil || len(w.calls("podman pull")) != 1 {
		t.Errorf("another registry was not tried: %v", err)
	}
	// An hour later.
	if err = os.WriteFile(w.refusalFile(strings.TrimSuffix(hub, "/")), []byte(`{"at":"2020-01-01T00:00:00Z","why":"x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PULL", "")
	if err = w.pull(t.Context(), ref); err != nil {
		t.Errorf("not tried again after an hour: %v", err)
	}
}

func TestMissingImageDoesNotBlockItsRegistry(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("PULL", `case "$2" in *:none) echo "Error: reading manifest none: manifest unknown" >&2; exit 125;; esac`)
	if err := w.pull(t.Context(), hub+"a/b:none"); err == nil || !strings.Contains(err.Error(), "manifest unknown") {
		t.Fatalf("got %v", err)
	}
	if err := w.pull(t.Context(), hub+"a/b:some"); err != nil {
		t.Errorf("got %v", err)
	}
}

// What engines print when a registry answers that it does not give the image, and when there is no registry.
func TestIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		says    string
		missing bool
	}{
		"podman, no manifest":         {"Error: initializing source docker://host.example/a/b:1: reading manifest 1 in host.example/a/b: manifest unknown", true},
		"podman, no repository":       {"Error: initializing source docker://host.example/a/b:1: reading manifest 1 in host.example/a/b: name unknown: repository name not known to registry", true},
		"podman, private":             {"Error: initializing source docker://host.example/a/b:1: reading manifest 1 in host.example/a/b: unauthorized: authentication required", true},
		"podman, architecture":        {`Error: choosing an image from manifest list docker://host.example/a/b:1: no image found in image index for architecture arm64, variant "v8", OS linux`, true},
		"docker, no manifest":         {"Error response from daemon: manifest for host.example/a/b:1 not found: manifest unknown: manifest unknown", true},
		"docker, private":             {"Error response from daemon: pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", true},
		"docker, architecture":        {"no matching manifest for linux/arm64/v8 in the manifest list entries", true},
		"docker, containerd's store":  {`Error response from daemon: failed to resolve reference "host.example/a/b:1": host.example/a/b:1: not found`, true},
		"containerd's store, no host": {`Error response from daemon: failed to resolve reference "host.example/a/b:1": failed to do request: Head "https://host.example/v2/a/b/manifests/1": dial tcp: lookup host.example: no such host`, false},
		"podman, no host":             {"Error: initializing source docker://host.example/a/b:1: pinging container registry host.example: Get \"https://host.example/v2/\": dial tcp: lookup host.example: no such host", false},
		"docker, refused":             {`Error response from daemon: Get "https://host.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused`, false},
		"docker, too many":            {"Error response from daemon: toomanyrequests: You have reached your pull rate limit.", false},
	} {
		if got := isMissing(errors.New(c.says)); got != c.missing {
			t.Errorf("%s: isMissing is %t", name, got)
		}
	}
}

func TestSilentRegistryTimesOut(t *testing.T) {
	w := newFakeMachine(t)
	w.answerTimeout = 200 * time.Millisecond
	t.Setenv("PULL", "echo Trying to pull; sleep 60")
	start := time.Now()
	err := w.pull(t.Context(), hub+"a/b:1")
	if err == nil || !strings.Contains(err.Error(), "did not answer within 200ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestSlowPullIsNotGivenUp(t *testing.T) {
	w := newFakeMachine(t)
	w.answerTimeout = 100 * time.Millisecond
	t.Setenv("PULL", "echo Getting image source signatures; sleep 0.4")
	if err := w.pull(t.Context(), hub+"a/b:1"); err != nil {
		t.Error(err)
	}
}

func TestFullRef(t *testing.T) {
	for in, want := range map[string]string{
		"erlang:27":                      hub + "library/erlang:27",
		"erlang":                         hub + "library/erlang:latest",
		"kindest/node:v1.37.0@sha256:01": hub + "kindest/node@sha256:01",
		hub + "kindest/node@sha256:01":   hub + "kindest/node@sha256:01",
		"example.com/a/b:1":              "example.com/a/b:1",
		"localhost/meshproof/node:k":     "localhost/meshproof/node:k",
		"host:5000/a":                    "host:5000/a:latest",
	} {
		if got := fullRef(in); got != want {
			t.Errorf("fullRef(%q) = %q, want %q", in, got, want)
		}
	}
}
