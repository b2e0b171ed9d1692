package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/version"
	"meshproof.dev/meshproof/scripts"
)

// These tests try a release that make dist has made. They take minutes: make dist-check runs them.

// released is the folder of the release, and its version.
func released(t *testing.T) (dir, of string) {
	t.Helper()
	dir = os.Getenv("MESHPROOF_DIST")
	if dir == "" {
		t.Skip("MESHPROOF_DIST names no release: make dist dist-check")
	}
	all, err := filepath.Glob(filepath.Join(dir, "meshproof_*_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%q, %v, want one archive for this machine", all, err)
	}
	return dir, strings.Split(filepath.Base(all[0]), "_")[1]
}

// alone runs the released program in an empty folder, on a machine without Go.
func alone(t *testing.T) func(args ...string) (out string, code int) {
	t.Helper()
	dir, of := released(t)
	to, empty, home := t.TempDir(), t.TempDir(), t.TempDir()
	tarball := filepath.Join(dir, "meshproof_"+of+"_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz")
	if out, err := exec.CommandContext(t.Context(), "tar", "xzf", tarball, "-C", to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bin := filepath.Join(to, "meshproof")
	t.Chdir(empty)
	return func(args ...string) (string, int) {
		c := exec.CommandContext(t.Context(), bin, args...)
		c.Dir, c.Env = empty, []string{"PATH=/usr/bin:/bin", "HOME=" + home}
		out, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), c.ProcessState.ExitCode()
	}
}

func TestReleaseChecksums(t *testing.T) {
	dir, _ := released(t)
	c := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "checksums.txt")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The agent that a release brings is the one that its checkout compiles.
func TestReleaseVersion(t *testing.T) {
	_, of := released(t)
	meshproof := alone(t)
	out, code := meshproof("version", "-o", "json")
	var v version.Info
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 {
		t.Fatalf("%d, %v\n%s", code, err, out)
	}
	if v.Meshproof != "v"+of || len(v.Commit) != 40 || v.Platform != runtime.GOOS+"/"+runtime.GOARCH || len(v.Brings) != 4 || len(v.Supported) == 0 {
		t.Errorf("%+v", v)
	}
	root, err := filepath.Abs(filepath.Join(source(t), "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, goarch := range bundle.Architectures() {
		for _, name := range bundle.Programs() {
			bin := filepath.Join(t.TempDir(), name)
			if out, err := image.Compile(t.Context(), root, name, goarch, bin).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			b, err := os.ReadFile(bin)
			want := bundle.Digest{Program: name + "-linux-" + goarch, SHA256: fmt.Sprintf("%x", sha256.Sum256(b))}
			found := false
			for _, d := range v.Brings {
				found = found || d == want
			}
			if err != nil || !found {
				t.Errorf("%v is not in %v, %v", want, v.Brings, err)
			}
		}
	}
}

// source is this package's folder, though the working directory is another.
func source(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no source")
	}
	return filepath.Dir(file)
}

func TestReleaseAlone(t *testing.T) {
	here := source(t)
	meshproof := alone(t)
	if out, code := meshproof("lint", "dns-a"); code != 0 {
		t.Errorf("lint of a fixture: %d\n%s", code, out)
	}
	if err := os.CopyFS("shop", os.DirFS(filepath.Join(here, "..", "..", "fixtures", "profiles", "dns-srv"))); err != nil {
		t.Fatal(err)
	}
	if out, code := meshproof("lint", "shop"); code != 0 {
		t.Errorf("lint of one's own: %d\n%s", code, out)
	}
	recordings, err := filepath.Glob(filepath.Join(here, "..", "..", "fixtures", "recordings", "dns-a", "*.jsonl"))
	if err != nil || len(recordings) == 0 {
		t.Fatal(recordings, err)
	}
	if out, code := meshproof(append([]string{"judge"}, recordings...)...); code != 0 {
		t.Errorf("judge: %d\n%s", code, out)
	}
	if out, code := meshproof("__complete", "run", "dns-"); code != 0 || !strings.Contains(out, "dns-a\n") {
		t.Errorf("completion: %d\n%s", code, out)
	}
	out, code := meshproof("kill-matrix", "harness-probe-visible")
	exit, err := os.ReadFile(filepath.Join("meshproof-results", "latest", "exit"))
	if code != 64 || err != nil || string(exit) != "64 usage\n" || !strings.Contains(out, "a release does not bring the agent that makes errors on purpose") {
		t.Errorf("kill-matrix: %d, %q, %v\n%s", code, exit, err, out)
	}
}

// krewVersion is the krew that the test installs with.
const krewVersion = "v0.4.3"

// krew installs the release from the local archive, and kubectl finds it.
func TestReleaseByKrew(t *testing.T) {
	dir, of := released(t)
	pins, err := scripts.Load()
	if err != nil {
		t.Fatal(err)
	}
	bin, home, k8s := t.TempDir(), t.TempDir(), filepath.Join(source(t), "..", "node-image", "kubernetes")
	build := func(from string, env []string, args ...string) {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = from, append(append(os.Environ(), "CGO_ENABLED=0"), env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	build(source(t), []string{"GOBIN=" + bin, "GOFLAGS="}, "install", "sigs.k8s.io/krew/cmd/krew@"+krewVersion)
	build(k8s, []string{"GOFLAGS=-mod=readonly"}, "build", "-modfile=../k8s/"+pins["K8S"]+"/kubernetes.mod", "-trimpath", "-o", bin+"/", "k8s.io/kubernetes/cmd/kubectl")
	run := func(program string, args ...string) string {
		c := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
		c.Dir, c.Env = home, []string{"HOME=" + home, "KREW_ROOT=" + home + "/krew", "PATH=" + home + "/krew/bin:" + bin + ":/usr/bin:/bin"}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	archive := filepath.Join(dir, "meshproof_"+of+"_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz")
	if out := run("krew", "install", "--manifest="+filepath.Join(dir, "meshproof.yaml"), "--archive="+archive); !strings.Contains(out, "Installed plugin: meshproof") {
		t.Error(out)
	}
	if out := run("kubectl", "meshproof", "version"); !strings.Contains(out, "meshproof   v"+of+"\n") {
		t.Error(out)
	}
	if out := run("kubectl", "meshproof", "lint", "--help"); !strings.Contains(out, "kubectl meshproof lint [PROFILE") {
		t.Error(out)
	}
}
