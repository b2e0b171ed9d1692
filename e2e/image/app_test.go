package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/profile"
)

// app is a fake machine with an application, whose archive is that of a real, tiny image.
func app(t *testing.T) (*fakeMachine, App) {
	t.Helper()
	w := newFakeMachine(t)
	w.write("app/Dockerfile", "ARG BUILD_BASE\nARG RUN_BASE\nFROM ${BUILD_BASE} AS build\nCOPY src src\nFROM ${RUN_BASE}\n")
	w.write("app/.dockerignore", "_build\n")
	w.write("app/src/a.erl", "-module(a).\n")
	w.write("app/_build/a.beam", "x")
	img, err := agentImage(map[string][]byte{"agent": []byte("program")}, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if err = writeImage(filepath.Join(w.dir, "archive.tar"), "localhost/meshproof/app/shop:1", img); err != nil {
		t.Fatal(err)
	}
	return w, App{Image: profile.Image{Name: "shop", Build: "app"}, Dir: w.dir}
}

func TestAppIsBuiltOnce(t *testing.T) {
	w, a := app(t)
	a.LogFile = filepath.Join(w.dir, "artifacts", "build.log")
	im, err := w.App(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if im.Source != Built || im.Name != "shop" || im.Ref != "localhost/meshproof/app/shop:bbbbbbbbbbbb" || !strings.HasPrefix(im.ID, "sha256:") {
		t.Errorf("got %+v", im)
	}
	if len(im.From) != 2 || !strings.HasPrefix(im.From[0], "localhost/meshproof/otp-build:27-") || !strings.HasSuffix(im.From[1], " sha256:erun") {
		t.Errorf("built on %q", im.From)
	}
	if in, err2 := readArchive(im.Tar); err2 != nil || in.ID != im.ID {
		t.Errorf("archive: %+v, %v", in, err2)
	}
	if b, err2 := os.ReadFile(a.LogFile); err2 != nil || string(b) != "STEP 1/1: FROM scratch\n" {
		t.Errorf("log: %q, %v", b, err2)
	}
	builds := w.calls("podman build")
	if len(builds) != 1 || !strings.Contains(builds[0], "--build-arg RUN_BASE=localhost/meshproof/otp-run:27-") {
		t.Errorf("ran %q", builds)
	}
	// The tag of the build is this process's own, and is gone: another run may be building the same with another cache.
	tag := regexp.MustCompile(`--tag (\S+)`).FindStringSubmatch(builds[0])
	if tag == nil || !strings.HasSuffix(tag[1], fmt.Sprintf("-%d", os.Getpid())) || len(w.calls("podman image rm "+tag[1])) != 1 {
		t.Errorf("tagged %q; ran %q", tag, w.calls("podman image rm"))
	}

	w.calls("")
	w.write("app/_build/a.beam", "y") // not in the build context
	again, err := w.App(t.Context(), a)
	if err != nil || again.Source != Cached || again.ID != im.ID || again.Ref != im.Ref || len(again.From) != 2 {
		t.Errorf("second time: %+v, %v", again, err)
	}
	if did := strings.Join(w.calls(""), ""); did != "" {
		t.Errorf("an unchanged application ran %q", did)
	}

	w.write("app/src/a.erl", "-module(a). % changed\n")
	if im, err = w.App(t.Context(), a); err != nil || im.Source != Built {
		t.Errorf("after a change: %+v, %v", im, err)
	}
}

func TestAppThatDoesNotBuild(t *testing.T) {
	w, a := app(t)
	t.Setenv("BUILD", "echo 'src/a.erl:1: syntax error before: end' >&2; exit 1")
	_, err := w.App(t.Context(), a)
	if exitcode.Of(err) != exitcode.Fail || !strings.Contains(err.Error(), "src/a.erl:1: syntax error") {
		t.Errorf("code %d, %v", exitcode.Of(err), err)
	}
	var b *BuildError
	if !errors.As(err, &b) || len(b.Tail) != 2 {
		t.Errorf("the output is not in the error: %#v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = w.App(ctx, a); !errors.Is(err, context.Canceled) || exitcode.Of(err) == exitcode.Fail {
		t.Errorf("a cancelled build is not the application's fault: code %d, %v", exitcode.Of(err), err)
	}
	a.Build = "nowhere"
	if _, err = w.App(t.Context(), a); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("no such folder: code %d, %v", exitcode.Of(err), err)
	}
}

func TestAppWithItsOwnBases(t *testing.T) {
	w, a := app(t)
	w.write("app/Dockerfile", "FROM debian\n")
	im, err := w.App(t.Context(), a)
	if err != nil || len(im.From) != 0 {
		t.Errorf("%+v, %v", im, err)
	}
	if made := w.calls("make"); len(made) > 0 {
		t.Errorf("made bases that are not needed: %q", made)
	}
}

func TestAppFromEngine(t *testing.T) {
	w, a := app(t)
	a.Build, a.Local = "", "shop:dev"
	if _, err := w.App(t.Context(), a); exitcode.Of(err) != exitcode.Fail || !strings.Contains(err.Error(), "does not have shop:dev") {
		t.Errorf("an image that the engine does not have: code %d, %v", exitcode.Of(err), err)
	}
	w.write("images/shop_dev", "sha256:0123456789abcdef\n")
	im, err := w.App(t.Context(), a)
	if err != nil || im.Ref != "localhost/meshproof/app/shop:0123456789ab" || im.Source != Cached || im.Tar == "" {
		t.Errorf("%+v, %v", im, err)
	}
	a.Local, a.Pull = "", "host.example/team/shop:1"
	if _, err = w.App(t.Context(), a); exitcode.Of(err) != exitcode.Fail || !strings.Contains(err.Error(), "host.example/team/shop:1 cannot be pulled: ") {
		t.Errorf("cannot be pulled: code %d, %v", exitcode.Of(err), err)
	}
	w.write("images/host.example_team_shop_1", "sha256:fedcba9876543210\n")
	if im, err = w.App(t.Context(), a); err != nil || im.Ref != "localhost/meshproof/app/shop:fedcba987654" {
		t.Errorf("cannot be pulled but is in the engine: %+v, %v", im, err)
	}
	if !strings.Contains(w.log(), "using the copy of host.example/team/shop:1 in podman") {
		t.Errorf("that was not logged:\n%s", w.log())
	}
}

func TestAppFromArchive(t *testing.T) {
	w, a := app(t)
	a.Build, a.Archive = "", "archive.tar"
	im, err := w.App(t.Context(), a)
	if err != nil || im.Ref != "localhost/meshproof/app/shop:1" || im.Tar != filepath.Join(w.dir, "archive.tar") || im.ID == "" {
		t.Errorf("%+v, %v", im, err)
	}
	plain, err := os.ReadFile(im.Tar)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(plain)
	_ = z.Close()
	w.write("archive.tgz", zipped.String())
	a.Archive = "archive.tgz"
	out, err := w.App(t.Context(), a)
	if err != nil || out.Ref != im.Ref || out.ID != im.ID || out.Source != Cached {
		t.Fatalf("gzipped: %+v, %v", out, err)
	}
	if b, err2 := os.ReadFile(out.Tar); err2 != nil || !bytes.Equal(b, plain) {
		t.Errorf("gzipped: the archive for the nodes differs from the plain archive, %v", err2)
	}
	a.Archive = "none.tar"
	if _, err = w.App(t.Context(), a); exitcode.Of(err) != exitcode.Usage {
		t.Errorf("no such file: code %d, %v", exitcode.Of(err), err)
	}
	a.Archive = "app/Dockerfile"
	if _, err = w.App(t.Context(), a); exitcode.Of(err) != exitcode.Fail || !strings.Contains(err.Error(), "not a tar") {
		t.Errorf("not an archive: code %d, %v", exitcode.Of(err), err)
	}
}

func TestReadOCIArchive(t *testing.T) {
	write := func(files map[string]string) *bytes.Buffer {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, text := range files {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	platform := func(arch, digest string) string {
		return fmt.Sprintf(`{"digest":%q,"platform":{"os":"linux","architecture":%q}}`, digest, arch)
	}
	files := map[string]string{
		"oci-layout":      `{}`,
		"index.json":      `{"manifests":[{"digest":"sha256:i","annotations":{"io.containerd.image.name":"localhost/a/b:1","org.opencontainers.image.ref.name":"1"}}]}`,
		"blobs/sha256/i":  `{"manifests":[` + platform("other", "sha256:o") + "," + platform(runtime.GOARCH, "sha256:m") + `]}`,
		"blobs/sha256/m":  `{"config":{"digest":"sha256:c"},"layers":[]}`,
		"blobs/sha256/la": "a layer",
	}
	if got, err := readArchiveFrom(write(files)); err != nil || got != (archiveInfo{Ref: "localhost/a/b:1", ID: "sha256:c"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	delete(files, "blobs/sha256/m")
	if _, err := readArchiveFrom(write(files)); err == nil || !strings.Contains(err.Error(), "sha256:m") {
		t.Errorf("a manifest is missing: %v", err)
	}
	if _, err := readArchiveFrom(write(map[string]string{"manifest.json": `[{"Config":"a"},{"Config":"b"}]`})); err == nil || !strings.Contains(err.Error(), "contains 2 images") {
		t.Errorf("two images: %v", err)
	}
	if _, err := readArchiveFrom(write(map[string]string{"x": "y"})); err == nil || !strings.Contains(err.Error(), "not an image archive") {
		t.Errorf("another tar: %v", err)
	}
}

func TestLastName(t *testing.T) {
	for in, want := range map[string]string{
		"derl": "derl", "host:5000/team/Shop_Web:1": "shop-web", "a/b@sha256:01": "b", "x.y": "x-y", "_": "image",
	} {
		if got := lastName(in); got != want {
			t.Errorf("lastName(%q) = %q, want %q", in, got, want)
		}
	}
}
