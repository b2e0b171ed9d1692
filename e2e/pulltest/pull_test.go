package pulltest

import (
	"context"
	"encoding/json"
	"fmt"
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
	for _, name := range []string{engine.Podman, engine.Docker} {
		t.Run(name, func(t *testing.T) {
			r := registrytest.Start(t, registrytest.Options{})
			if name == engine.Docker {
				startDocker(t, "--registry-mirror=http://"+r.Host)
			} else {
				mirrorOfPodman(t, r.Host)
			}
			f := newFixture(t, name, r.Host)
			pins := f.serveImages(t)
			bin := f.build(t, pins)
			out := f.run(t, bin)
			for key, ref := range pins {
				_, digest, _ := strings.Cut(ref, "@")
				if !strings.Contains(out, "@"+digest+" in ") {
					t.Errorf("%s: the output does not say that %s was pulled", key, ref)
				}
				if !slices.ContainsFunc(r.Log(), func(l string) bool { return strings.Contains(l, "GET") && strings.Contains(l, digest) }) {
					t.Errorf("%s: the registry was not asked for %s", key, digest)
				}
			}
			if !strings.Contains(out, "Installing CNI") {
				t.Error("kind did not install a pod network, as it must for an image that was pulled")
			}
			f.checkReport(t, pins)
		})
	}
}

// fixture is what a run needs beside the checkout.
type fixture struct {
	engine   *engine.Engine
	maker    *image.Maker // of the images that are served, in the user's cache
	host     string       // the registry's address
	root     string       // of the checkout
	versions scripts.Versions
}

func newFixture(t *testing.T, name, host string) *fixture {
	t.Helper()
	cache, err := image.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	root, err := image.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	versions, err := scripts.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := func(s string) { t.Log(s) }
	e, err := engine.Find(context.Background(), engine.Options{Force: name, StateDir: filepath.Join(cache, "state"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{engine: e, host: host, root: root, versions: versions,
		maker: &image.Maker{Engine: e, Cache: cache, Root: root, Versions: versions, Log: log}}
}

// serveImages pushes our images to the registry under the names of the pins, and returns pins with their digests there.
func (f *fixture) serveImages(t *testing.T) map[string]string {
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
		"NODE_IMAGE":          f.push(t, f.withPodNetwork(t, node.Ref), "kindest/node", f.versions["K8S"]),
		"ERLANG_BUILD_" + otp: f.push(t, build.Ref, "library/erlang", otp),
		"ERLANG_RUN_" + otp:   f.push(t, run.Ref, "library/debian", "slim"),
	}
}

// withPodNetwork is the node image with a manifest where kind looks for its pod network's. The image has a pod network already, so
// the manifest is one that changes nothing.
func (f *fixture) withPodNetwork(t *testing.T, node string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "default-cni.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no-pod-network, namespace: kube-system}\n")
	write(t, dir, "Dockerfile", "FROM "+node+"\nCOPY default-cni.yaml /kind/manifests/default-cni.yaml\n")
	tag := fmt.Sprintf("localhost/meshproof/pulltest-node:%d", os.Getpid())
	if err := f.engine.Build(t.Context(), engine.BuildOptions{Dir: dir, Tag: tag}); err != nil {
		t.Fatal(err)
	}
	f.removeImage(t, tag)
	return tag
}

// push pushes an image of the engine, and returns NAME:TAG@DIGEST.
func (f *fixture) push(t *testing.T, ref, name, tag string) string {
	t.Helper()
	there := f.host + "/" + name + ":" + tag
	if err := f.engine.Run(t.Context(), "tag", ref, there); err != nil {
		t.Fatal(err)
	}
	f.removeImage(t, there)
	args := []string{"push", there}
	if f.engine.Name() == engine.Podman {
		args = []string{"push", "--tls-verify=false", there}
	}
	if err := f.engine.Run(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	digest := digestOf(t, f.host, name, tag)
	f.removeImage(t, "docker.io/"+name+"@"+digest)
	return name + ":" + tag + "@" + digest
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
func (f *fixture) run(t *testing.T, bin string) string {
	t.Helper()
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, "run", "-f", "dns-a")
	c.Dir = f.root
	c.Env = append(os.Environ(), "ENGINE="+f.engine.Name(), "INSTALL=0", "XDG_CACHE_HOME="+t.TempDir(), "GOCACHE="+strings.TrimSpace(string(goCache)))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("meshproof run: %v\n%s", err, out)
	}
	t.Logf("meshproof run:\n%s", out)
	return string(out)
}

// checkReport holds the report to what was pulled.
func (f *fixture) checkReport(t *testing.T, pins map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.root, "reports", "out", "latest", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	for key, ref := range pins {
		if _, digest, _ := strings.Cut(ref, "@"); !strings.Contains(string(b), digest) {
			t.Errorf("report.json does not name %s (%s)", ref, key)
		}
	}
}
