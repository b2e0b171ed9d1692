package pulltest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/registry/registrytest"
	"meshproof.dev/meshproof/scripts"
)

func TestRunPullsItsImages(t *testing.T) {
	if os.Getenv("MESHPROOF_PULL_TEST") == "" {
		t.Skip("needs a container engine for minutes; make pull runs it (MESHPROOF_PULL_TEST=1)")
	}
	r := registrytest.Start(t, registrytest.Options{})
	f := newFixture(t)
	pins := f.serveImages(t, r.Host)
	bin := f.build(t, pins)
	for name, mirror := range map[string]func(*testing.T, string, map[string]string){engine.Podman: f.mirrorOfPodman, engine.Docker: f.startDocker} {
		t.Run(name, func(t *testing.T) {
			mirror(t, r.Host, pins)
			before := len(r.Log())
			out := f.run(t, bin, name)
			asked := r.Log()[before:]
			for key, ref := range pins {
				_, digest, _ := strings.Cut(ref, "@")
				if !strings.Contains(out, "@"+digest+" in ") {
					t.Errorf("%s: the output does not say that %s was pulled", key, ref)
				}
				if !slices.ContainsFunc(asked, func(l string) bool { return strings.Contains(l, "GET") && strings.Contains(l, "manifests/"+digest) }) {
					t.Errorf("%s: the registry was not asked for %s", key, digest)
				}
			}
			if !slices.ContainsFunc(asked, func(l string) bool { return strings.Contains(l, "kindest/node/blobs/") }) {
				t.Error("no layer of the node image was fetched")
			}
			if !strings.Contains(out, "Installing CNI") {
				t.Error("kind did not install a pod network, as it must for an image that was pulled")
			}
			f.checkReport(t, pins["NODE_IMAGE"])
		})
	}
}

// fixture is what a run needs beside the checkout.
type fixture struct {
	cache    string       // the user's
	root     string       // of the checkout
	maker    *image.Maker // of the images that are served
	versions scripts.Versions
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	var err error
	if f.cache, err = image.CacheDir(); err != nil {
		t.Fatal(err)
	}
	if f.root, err = image.FindRoot(); err != nil {
		t.Fatal(err)
	}
	if f.versions, err = scripts.Load(); err != nil {
		t.Fatal(err)
	}
	log := func(s string) { t.Log(s) }
	e, err := engine.Find(context.Background(), engine.Options{StateDir: filepath.Join(f.cache, "state"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	f.maker = &image.Maker{Engine: e, Cache: f.cache, Root: f.root, Versions: f.versions, Log: log}
	return f
}

// serveImages pushes our images to the registry under the names of the pins, and returns pins with their digests there.
func (f *fixture) serveImages(t *testing.T, host string) map[string]string {
	t.Helper()
	node, err := f.maker.Node(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	otp := f.versions["OTP"]
	build, run, err := f.maker.Bases(t.Context(), otp)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"NODE_IMAGE":          push(t, host, "kindest/node:"+f.versions["K8S"], withPodNetwork(t, f.saved(t, node.Ref))),
		"ERLANG_BUILD_" + otp: push(t, host, "library/erlang:"+otp, f.saved(t, build.Ref)),
		"ERLANG_RUN_" + otp:   push(t, host, "library/debian:slim", f.saved(t, run.Ref)),
	}
}

// build builds the binary with other pins. The file of pins in the checkout stays as it is.
func (f *fixture) build(t *testing.T, pins map[string]string) string {
	t.Helper()
	dir, pinned := t.TempDir(), filepath.Join(f.root, "scripts", "versions.env")
	b, err := os.ReadFile(pinned)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		key, _, _ := strings.Cut(line, "=")
		if pins[key] != "" {
			line = key + "=" + pins[key] + "\n"
		}
		lines = append(lines, line)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{pinned: write(t, dir, "versions.env", strings.Join(lines, ""))}})
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "meshproof")
	c := exec.Command("go", "build", "-overlay", write(t, dir, "overlay.json", string(overlay)), "-o", bin, "./e2e/cmd/meshproof")
	c.Dir = f.root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// run runs a profile with a cache of its own, in which nothing is built yet.
func (f *fixture) run(t *testing.T, bin, engine string) string {
	t.Helper()
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, "run", "-f", "dns-a")
	c.Dir = f.root
	c.Env = append(os.Environ(), "ENGINE="+engine, "INSTALL=0", "XDG_CACHE_HOME="+t.TempDir(), "GOCACHE="+strings.TrimSpace(string(goCache)))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("meshproof run: %v\n%s", err, out)
	}
	t.Logf("meshproof run:\n%s", out)
	return string(out)
}

// checkReport holds the report to the node image that was pulled.
func (f *fixture) checkReport(t *testing.T, ref string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.root, "reports", "out", "latest", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Provenance struct{ NodeImage string } }
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	_, digest, _ := strings.Cut(ref, "@")
	if !strings.HasSuffix(report.Provenance.NodeImage, "kindest/node@"+digest) {
		t.Errorf("report.json names the node image %s, it was %s", report.Provenance.NodeImage, ref)
	}
}
