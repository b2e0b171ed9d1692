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
