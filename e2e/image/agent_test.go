package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// fakeGo writes its environment, and the program of its -o.
const fakeGo = `#!/bin/sh
echo "go CGO_ENABLED=$CGO_ENABLED GOOS=$GOOS GOARCH=$GOARCH $*" >>"$FAKE/calls"
while [ "$1" != -o ]; do shift; done
[ -z "$GO" ] || { echo "$GO" >&2; exit 1; }
printf 'program of %s' "$GOARCH" >"$2"
`

func agentWorld(t *testing.T) *fakeMachine {
	t.Helper()
	w := newFakeMachine(t)
	w.write("path/go", fakeGo)
	if err := os.Chmod(filepath.Join(w.dir, "path", "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GO", "")
	return w
}

func TestAgentImage(t *testing.T) {
	w, other := agentWorld(t), agentWorld(t)
	im, err := other.Agent(t.Context(), "arm64") // FAKE is other's
	if err != nil {
		t.Fatal(err)
	}
	if im.Source != Built || im.Ref != "localhost/meshproof/agent:"+strings.TrimPrefix(im.ID, "sha256:")[:12] {
		t.Errorf("got %+v", im)
	}
	if did := other.calls("go "); len(did) != 2 || !strings.Contains(did[0], "CGO_ENABLED=0 GOOS=linux GOARCH=arm64 build -trimpath") ||
		!strings.HasSuffix(did[0], "./e2e/cmd/agent") || !strings.HasSuffix(did[1], "./e2e/cmd/reaper") {
		t.Errorf("ran %q", did)
	}
	again, err := other.Agent(t.Context(), "arm64")
	if err != nil || again.Source != Cached || again.ID != im.ID {
		t.Errorf("second time: %+v, %v", again, err)
	}
	clone, err := w.Agent(t.Context(), "arm64")
	if err != nil || clone.Source != Built || clone.ID != im.ID {
		t.Errorf("in another clone: %+v, %v", clone, err)
	}
	a, err := os.ReadFile(im.Tar)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(clone.Tar)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the archives of two clones differ, %v", err)
	}
	amd, err := w.Agent(t.Context(), "amd64")
	if err != nil || amd.ID == im.ID {
		t.Errorf("another program, the same digest: %+v, %v", amd, err)
	}
	if in, err := readArchive(im.Tar); err != nil || in != (archiveInfo{Ref: im.Ref, ID: im.ID}) {
		t.Errorf("the archive says %+v, %v", in, err)
	}
	checkAgentArchive(t, im.Tar)
}

func checkAgentArchive(t *testing.T, file string) {
	t.Helper()
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Architecture != "arm64" || c.OS != "linux" || strings.Join(c.Config.Entrypoint, " ") != "/agent" {
		t.Errorf("configuration: %+v", c)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	diff, err := layers[0].DiffID()
	if err != nil || diff != c.RootFS.DiffIDs[0] {
		t.Errorf("layer %s, configuration says %s, %v", diff, c.RootFS.DiffIDs, err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := tar.NewReader(r)
	for _, name := range []string{"agent", "reaper"} {
		h, err := in.Next()
		if err != nil || h.Name != name || h.Mode != 0o755 || h.Uid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("in the layer: %+v, %v", h, err)
		}
	}
}

func TestAgentThatDoesNotBuild(t *testing.T) {
	w := agentWorld(t)
	t.Setenv("GO", "e2e/cmd/agent/main.go:1:1: syntax error")
	_, err := w.Agent(t.Context(), "amd64")
	if exitcode.Of(err) != exitcode.Internal || !strings.Contains(err.Error(), "main.go:1:1: syntax error") {
		t.Errorf("code %d, %v", exitcode.Of(err), err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err = w.Agent(t.Context(), "amd64"); exitcode.Of(err) != exitcode.Unavailable {
		t.Errorf("without go: code %d, %v", exitcode.Of(err), err)
	}
}
