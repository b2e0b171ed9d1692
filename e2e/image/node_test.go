package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/scripts"
)

func TestNodeIsPulledWhereThatWorks(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("PULL", "echo Getting image source signatures")
	im, err := w.Node(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if im.Ref != hub+"kindest/node@sha256:01" || im.Source != Pulled || im.ID == "" {
		t.Errorf("got %+v", im)
	}
	if made := w.calls("make"); len(made) > 0 {
		t.Errorf("built although it could be pulled: %q", made)
	}
	w.calls("podman")
	im, err = w.Node(t.Context(), "1.37")
	if err != nil || im.Source != Cached || im.Origin != Pulled {
		t.Errorf("second time: %+v, %v", im, err)
	}
	if did := w.calls("podman"); len(did) != 1 {
		t.Errorf("with a warm cache it ran %q, want one image inspect", did)
	}
	// The pulled image has another patch version than the one requested now.
	if im, err = w.Node(t.Context(), "1.37.2"); err != nil || im.Source != Built {
		t.Errorf("another version: %+v, %v", im, err)
	}
}

func TestNodeIsBuiltWhereNot(t *testing.T) {
	w := newFakeMachine(t)
	im, err := w.Node(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if im.Source != Built || !strings.HasPrefix(im.Ref, "localhost/meshproof/node:") || im.ID != "sha256:dddddddddddddddd" {
		t.Errorf("got %+v", im)
	}
	dir := filepath.Join(w.Cache, "node", strings.TrimPrefix(im.Ref, "localhost/meshproof/node:"))
	if _, err = os.Stat(filepath.Join(dir, "bin")); !os.IsNotExist(err) {
		t.Errorf("files that only the builder needed still exist: %v", err)
	}
	if im, err = w.Node(t.Context(), ""); err != nil || im.Source != Cached || im.Origin != Built {
		t.Errorf("second time: %+v, %v", im, err)
	}
	w.forget(im.Ref)
	im, err = w.Node(t.Context(), "")
	if err != nil || im.Source != Cached || im.ID != "sha256:cccccccccccccccc" {
		t.Errorf("after the engine lost it: %+v, %v; want it loaded from the archive", im, err)
	}
	if made := w.calls("make"); len(made) != 1 {
		t.Errorf("make was run %d times: %q", len(made), made)
	}
	if pulled := w.calls("podman pull"); len(pulled) != 1 {
		t.Errorf("podman pull was run %d times: %q", len(pulled), pulled)
	}
}

// A released program may lie on a machine without Go. Then nothing is begun that cannot end well.
func TestNodeWithoutGo(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("PATH", filepath.Join(w.dir, "path")+":/usr/bin:/bin")
	if _, err := exec.LookPath("go"); err == nil {
		t.Skip("this machine has Go among its basic commands")
	}
	_, err := w.Node(t.Context(), "")
	if exitcode.Of(err) != exitcode.Unavailable || err == nil || !strings.Contains(err.Error(), "needs the go command") || !strings.Contains(err.Error(), "--context") {
		t.Errorf("code %d, %v", exitcode.Of(err), err)
	}
	if made := w.calls("make"); len(made) > 0 {
		t.Errorf("it began to build: %q", made)
	}
}

func TestNodeVersions(t *testing.T) {
	for _, c := range []struct{ ask, build, pull, pulled string }{
		{"", "v1.37.2", hub + "kindest/node@sha256:01", "v1.37.0"},
		{"1.37", "v1.37.2", hub + "kindest/node@sha256:01", "v1.37.0"},
		{"v1.37", "v1.37.2", hub + "kindest/node@sha256:01", "v1.37.0"},
		{"1.37.2", "v1.37.2", "", ""},
		{"1.37.0", "v1.37.0", hub + "kindest/node@sha256:01", "v1.37.0"},
		{"1.36", "v1.36.1", "", ""},
		{"1.35", "v1.35.8", hub + "kindest/node@sha256:04", "v1.35.8"},
		{"1.35.8", "v1.35.8", hub + "kindest/node@sha256:04", "v1.35.8"},
	} {
		w := newFakeMachine(t)
		v, err := w.nodeVersion(builder{w.Maker, "node-image"}, c.ask)
		if want := (nodeVersion{c.build, c.pull, c.pulled}); err != nil || v != want {
			t.Errorf("%q: %+v, %v; want %+v", c.ask, v, err, want)
		}
	}
	w := newFakeMachine(t)
	for _, unknown := range []string{"1.20", "1.35.4"} {
		_, err := w.Node(t.Context(), unknown)
		if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "the builders support v1.36.1, v1.37.2, and the pinned images have v1.35.8, v1.37.0") {
			t.Errorf("%s: code %d, %v", unknown, exitcode.Of(err), err)
		}
	}
	if _, err := w.Node(t.Context(), "1.37.0"); exitcode.Of(err) != exitcode.Unavailable {
		t.Errorf("a version that can only be pulled: code %d, %v", exitcode.Of(err), err)
	}
}

// The cluster's settings depend on the version that its nodes really have.
func TestNodeKnowsItsVersion(t *testing.T) {
	w := newFakeMachine(t)
	for ask, want := range map[string]string{"": "v1.37.2", "1.36": "v1.36.1"} {
		for range 2 { // built, then from the cache
			if im, err := w.Node(t.Context(), ask); err != nil || im.Kubernetes != want {
				t.Errorf("%q: built with version %q, %v", ask, im.Kubernetes, err)
			}
		}
	}
	w = newFakeMachine(t)
	t.Setenv("PULL", "echo Getting image source signatures")
	for range 2 {
		if im, err := w.Node(t.Context(), ""); err != nil || im.Kubernetes != "v1.37.0" {
			t.Errorf("pulled with version %q, %v", im.Kubernetes, err)
		}
	}
}

// Each minor version has all that the builder needs, and an image to pull: the current one and the two before it.
func TestThreeMinorVersions(t *testing.T) {
	pins, err := scripts.Load()
	if err != nil {
		t.Fatal(err)
	}
	root, err := FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	b := builder{&Maker{Root: root, Versions: pins}, "node-image"}
	current, err := b.maker.nodeVersion(b, "")
	if err != nil || current.build != pins["K8S"] {
		t.Fatalf("the default is %+v, %v", current, err)
	}
	var newest int
	if _, err = fmt.Sscanf(current.build, "v1.%d.", &newest); err != nil {
		t.Fatal(err)
	}
	for minor := newest; minor > newest-3; minor-- {
		v, err := b.maker.nodeVersion(b, fmt.Sprintf("1.%d", minor))
		if err != nil || v.pull == "" || minorOf(v.pulled) != minorOf(v.build) {
			t.Errorf("1.%d: %+v, %v", minor, v, err)
			continue
		}
		for _, program := range []string{"kubernetes", "etcd", "coredns"} {
			for _, ext := range []string{".mod", ".sum"} {
				text, err := os.ReadFile(filepath.Join(b.dir(), "k8s", v.build, program+ext))
				if err != nil {
					t.Error(err)
				} else if program == "kubernetes" && !strings.Contains(string(text), "k8s.io/kubernetes "+v.build) {
					t.Errorf("%s/%s%s is of another version", v.build, program, ext)
				}
			}
		}
	}
	if have, err := os.ReadDir(filepath.Join(b.dir(), "k8s")); err != nil || len(have) != 3 {
		t.Errorf("the builder has %d versions, %v; want 3", len(have), err)
	}
}

func TestNodeKeyIsOfContentOnly(t *testing.T) {
	key := func(w *fakeMachine) string {
		t.Helper()
		k, err := builder{w.Maker, "node-image"}.key(map[string]string{"K8S": "v1.37.2"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	w, clone := newFakeMachine(t), newFakeMachine(t)
	first := key(w)
	if key(clone) != first {
		t.Error("two clones have two keys")
	}
	clone.Versions["ERLANG_RUN_27"] = "another"
	if key(clone) != first {
		t.Error("a pin that the Makefile does not read changes the key")
	}
	clone.Versions["NODE_SUITE"] = "trixie"
	if key(clone) == first {
		t.Error("a pin that the Makefile reads does not change the key")
	}
	w.write("root/scripts/node-image/README.md", "prose")
	if key(w) != first {
		t.Error("documentation changes the key")
	}
	w.write("root/scripts/node-image/pause/main.go", "package main")
	if key(w) == first {
		t.Error("a source file does not change the key")
	}
}

func TestFailedBuildShowsItsEnd(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("MAKE", "for i in $(seq 60); do echo line $i; done; echo broken pipe fitting >&2; exit 2")
	_, err := w.Node(t.Context(), "")
	if err == nil || exitcode.Of(err) != exitcode.Internal {
		t.Fatalf("code %d, %v", exitcode.Of(err), err)
	}
	for _, want := range []string{"building the node image (Kubernetes v1.37.2): exit status 2 after ", "\n    broken pipe fitting", "\n    line 60", "build.log"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 20\n") {
		t.Errorf("the error has more than the last 40 lines:\n%v", err)
	}
	t.Setenv("MAKE", "")
	if im, err := w.Node(t.Context(), ""); err != nil || im.Source != Built {
		t.Errorf("after the cause is gone: %+v, %v", im, err)
	}
}

// An interrupted build leaves its files in the folder, and the next build continues with them.
func TestCancelledBuildGoesOn(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("MAKE", `if [ -e "$OUT/bin/kubeadm" ]; then echo goes on; else touch "$OUT/bin/kubeadm"; sleep 60 & sleep 60; fi`)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	start := time.Now()
	_, err := w.Node(ctx, "")
	if err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Fatalf("cancelled: %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("cancelling took %s", took)
	}
	im, err := w.Node(t.Context(), "")
	if err != nil || im.Source != Built {
		t.Fatalf("%+v, %v", im, err)
	}
	b, err := os.ReadFile(filepath.Join(w.Cache, "node", strings.TrimPrefix(im.Ref, "localhost/meshproof/node:"), "build.log"))
	if err != nil || string(b) != "goes on\n" {
		t.Errorf("the second build started from the beginning: %q, %v", b, err)
	}
}

func TestOnlyOneBuilds(t *testing.T) {
	w := newFakeMachine(t)
	// The builder has the locks, too, so that they stay locked if this process is killed.
	t.Setenv("MAKE", `sleep 0.3; [ -e /dev/fd/3 ] && [ -e /dev/fd/4 ] || { echo no locks; exit 1; }`)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := w.Node(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made := w.calls("make"); len(made) != 1 {
		t.Errorf("make was run %d times: %q", len(made), made)
	}
	if !strings.Contains(w.log(), "another run is building the image node; waiting until it has finished") {
		t.Errorf("the other calls did not log that they wait:\n%s", w.log())
	}
}

func TestMissingPackages(t *testing.T) {
	w := newFakeMachine(t)
	t.Setenv("DPKG", "mmdebstrap")
	_, err := w.Node(t.Context(), "")
	if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "apt-get install mmdebstrap") {
		t.Errorf("code %d, %v", exitcode.Of(err), err)
	}
	if made := w.calls("make"); len(made) > 0 {
		t.Errorf("the builder was run: %q", made)
	}
}

func TestBases(t *testing.T) {
	w := newFakeMachine(t)
	// Only one of the two can be pulled, so both are built.
	t.Setenv("PULL", `case "$2" in *erlang*) echo Copying blob ;; *) echo "Error: manifest unknown"; exit 125 ;; esac`)
	build, run, err := w.Bases(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if build.Source != Built || run.Source != Built || !strings.HasPrefix(run.Ref, "localhost/meshproof/otp-run:27-") || run.ID != "sha256:erun" {
		t.Errorf("got %+v and %+v", build, run)
	}
	build, run, err = w.Bases(t.Context(), "27")
	if err != nil || build.Source != Cached || run.Source != Cached || run.Ref == build.Ref {
		t.Errorf("second time: %+v and %+v, %v", build, run, err)
	}
	w.forget(run.Ref)
	if _, run, err = w.Bases(t.Context(), "27"); err != nil || run.Source != Built {
		t.Errorf("after the engine has lost one: %+v, %v", run, err)
	}
	if _, _, err = w.Bases(t.Context(), "19"); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "only for 27") {
		t.Errorf("unknown release: code %d, %v", exitcode.Of(err), err)
	}
}
