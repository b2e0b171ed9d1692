package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/exitcode"
)

const agentRepo = "localhost/meshproof/agent"

// Agent makes the agent's image for nodes of an architecture ("amd64", "arm64": status.nodeInfo.architecture of a Node).
// A release brings the programs; else the go command builds them from the checkout. The same source gives the same digest
// everywhere. The image contains nothing else and needs no engine. Build tags select another agent ("sabotage": one that can
// make errors on purpose), which no release brings.
func (m *Maker) Agent(ctx context.Context, goarch string, tags ...string) (Image, error) {
	start := time.Now()
	bins := map[string][]byte{}
	size := 0
	for _, name := range bundle.Programs() {
		bin, err := m.agentBinary(ctx, name, goarch, tags)
		if err != nil {
			return Image{}, err
		}
		bins[name], size = bin, size+len(bin)
	}
	img, err := agentImage(bins, goarch)
	if err != nil {
		return Image{}, fmt.Errorf("assemble the agent image: %w", err)
	}
	digest, err := img.ConfigName()
	if err != nil {
		return Image{}, fmt.Errorf("assemble the agent image: %w", err)
	}
	ref := agentRepo + ":" + digest.Hex[:12]
	e := m.entry("images/agent", "agent-"+goarch, digest.Hex[:12])
	im, err := m.obtain(ctx, "agent", e, alwaysUsable, func(*os.File) (record, error) {
		if failed := writeImage(e.path("agent.tar"), ref, img); failed != nil {
			return record{}, fmt.Errorf("assemble the agent image: %w", failed)
		}
		m.log(fmt.Sprintf("built the agent image (%s, %.1f MB) in %s", goarch, float64(size)/1e6, round(time.Since(start))))
		return record{Ref: ref, ID: digest.String(), Tar: "agent.tar", Origin: Built}, nil
	})
	im.Took = time.Since(start)
	return im, err
}

// agentBinary builds one of the agent's programs. The go command's build cache decides whether anything must be compiled.
func (m *Maker) agentBinary(ctx context.Context, name, goarch string, tags []string) ([]byte, error) {
	if bundle.Present() && len(tags) == 0 {
		return bundle.Program(name, goarch)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, exitcode.With(exitcode.Unavailable, errors.New("cannot build the agent: there is no go command on PATH; install Go"))
	}
	k := newKeyer()
	k.add(m.Root)
	dir := filepath.Join(m.Cache, "images", "agent-bin", k.key(), goarch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	lock, err := m.lock(ctx, "agent-bin-"+k.key()+"-"+goarch, "another run is building the agent")
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	file := filepath.Join(dir, strings.Join(append([]string{name}, tags...), "-"))
	c := Compile(ctx, m.Root, name, goarch, file, tags...)
	if err := m.run(ctx, step{what: "building the " + name, cmd: c}); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// Compile is the command that builds a program from the checkout at root, static and without paths of this machine: the same
// source and the same Go give the same bytes everywhere. Build tags select another agent ("sabotage": one that can make errors
// on purpose).
func Compile(ctx context.Context, root, name, goarch, out string, tags ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags="+strings.Join(tags, ","), "-o", out, "./e2e/cmd/"+name)
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0")
	return c
}

// agentImage is an image FROM scratch with the programs as its only files. It does not depend on when or where it was
// assembled.
func agentImage(bins map[string][]byte, goarch string) (v1.Image, error) {
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	for _, name := range bundle.Programs() {
		if err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(bins[name])),
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}); err != nil {
			return nil, err
		}
		if _, err := t.Write(bins[name]); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		Architecture: goarch,
		OS:           "linux",
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		Config:       v1.Config{Entrypoint: []string{"/" + bundle.Programs()[0]}},
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(img, static.NewLayer(layer.Bytes(), types.DockerUncompressedLayer))
}
