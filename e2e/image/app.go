package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
)

// The disk space for building and saving an application's image; our own application needs a tenth of that.
const (
	appCacheBytes  = gb / 2
	appEngineBytes = gb
	appTar         = "image.tar"
)

// App makes one image of a profile available as an archive for the nodes, from the source that the profile sets. An image
// that does not build, or that its source does not have, is the application's fault: code 1. A folder or archive that does
// not exist is the profile's fault: code 64.
//
// Ref is our own name for this content (localhost/meshproof/app/NAME:ID); it must replace the name in the manifests. Only
// an archive keeps its own name.
func (m *Maker) App(ctx context.Context, a App) (Image, error) {
	switch {
	case a.Build != "":
		return m.buildApp(ctx, a)
	case a.Archive != "":
		return m.archiveApp(ctx, a)
	case a.Local != "":
		return m.engineApp(ctx, a, a.Local, false)
	case a.Pull != "":
		return m.engineApp(ctx, a, a.Pull, true)
	}
	return Image{}, exitcode.With(exitcode.Usage, fmt.Errorf("image %s: set one of build, archive, local, pull", a.Name))
}

func (a App) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.Dir, p)
}

// buildApp builds from a folder. The key is computed from the build context, and from the bases if the Dockerfile uses
// them, so for an unchanged application only its files are read.
func (m *Maker) buildApp(ctx context.Context, a App) (Image, error) {
	start := time.Now()
	dir := a.path(a.Build)
	docker, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		return Image{}, exitcode.With(exitcode.Usage, fmt.Errorf("image %s: build: %w", a.Name, err))
	}
	content, err := m.contextKey(dir, docker)
	if err != nil {
		return Image{}, fmt.Errorf("image %s: build context: %w", a.Name, err)
	}
	build := appBuild{name: a.Name, dir: dir, log: a.LogFile, args: map[string]string{}}
	kind := "app-" + lastName(a.Name)
	if takesArg(docker, "BUILD_BASE") || takesArg(docker, "RUN_BASE") {
		if kind, err = m.chooseBases(ctx, &build, kind, content, a.OTP, takesArg(docker, "OTP")); err != nil {
			return Image{}, err
		}
	}
	e := m.appEntry(kind, content, build.args)
	im, err := m.obtain(ctx, a.Name, e, alwaysUsable, func(*os.File) (record, error) { return m.makeApp(ctx, e, build) })
	im.Took = time.Since(start)
	return im, err
}

// chooseBases sets the bases of the build and returns the kind with their release added. The bases are only made if the
// image is not in the cache.
func (m *Maker) chooseBases(ctx context.Context, b *appBuild, kind, content, otp string, takesOTP bool) (string, error) {
	e, otp, err := m.baseEntry(otp)
	if err != nil {
		return "", err
	}
	kind += "-" + otp
	if takesOTP {
		b.args["OTP"] = otp
	}
	if r, ok := e.load(); ok && r.Run != nil {
		b.setBases(r.Ref, r.ID, r.Run.Ref, r.Run.ID)
		if _, ok = m.appEntry(kind, content, b.args).load(); ok {
			return kind, nil
		}
	}
	build, run, err := m.Bases(ctx, otp)
	if err != nil {
		return "", err
	}
	b.setBases(build.Ref, build.ID, run.Ref, run.ID)
	return kind, nil
}

type appBuild struct {
	name, dir, log string
	args           map[string]string
	from           []string
}

func (b *appBuild) setBases(buildRef, buildID, runRef, runID string) {
	b.args["BUILD_BASE"], b.args["RUN_BASE"] = buildRef, runRef
	b.from = []string{buildRef + " " + buildID, runRef + " " + runID}
}

// appEntry is the cache entry of an application's image. The references of the bases identify their content: they have a
// digest, or the key of their inputs.
func (m *Maker) appEntry(kind, content string, args map[string]string) entry {
	k := newKeyer()
	k.add(content, runtime.GOARCH, args["OTP"], args["BUILD_BASE"], args["RUN_BASE"])
	return m.entry("images/app", kind, k.key())
}

// contextKey is the key of a folder's build context.
func (m *Maker) contextKey(dir string, docker []byte) (string, error) {
	names := []string{".dockerignore"}
	if m.Engine.Name() == engine.Podman {
		names = []string{".containerignore", ".dockerignore"} // containers-build(1)
	}
	ig, err := readIgnore(dir, names...)
	if err != nil {
		return "", err
	}
	k := newKeyer()
	k.add(string(docker))
	if err := k.addTree(dir, ig.skip); err != nil {
		return "", err
	}
	return k.key(), nil
}

func takesArg(docker []byte, name string) bool {
	return regexp.MustCompile(`(?mi)^[ \t]*ARG[ \t]+` + name + `\b`).Match(docker)
}

func (m *Maker) makeApp(ctx context.Context, e entry, b appBuild) (record, error) {
	what := "building the image " + b.name
	if err := m.checkSpace(ctx, what, appCacheBytes, appEngineBytes); err != nil {
		return record{}, err
	}
	log := b.log
	if log == "" {
		log = e.path("build.log")
		_ = os.Remove(log)
	}
	// Only this process has the tag: a run with another cache folder may be building the same on this engine, and removes its own.
	tag := fmt.Sprintf("localhost/meshproof/building/%s:%s-%d", lastName(b.name), e.key, os.Getpid())
	args := []string{"build", "--tag", tag}
	names := make([]string, 0, len(b.args))
	for n := range b.args {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		args = append(args, "--build-arg", n+"="+b.args[n])
	}
	c := m.Engine.Cmd(ctx, append(args, b.dir)...)
	c.Env = append(c.Env, "BUILDKIT_PROGRESS=plain")
	m.log(fmt.Sprintf("%s from %s; the output is in %s", what, b.dir, log))
	start := time.Now()
	if err := m.run(ctx, step{what: what, cmd: c, log: log}); err != nil {
		if ctx.Err() != nil {
			return record{}, err
		}
		return record{}, exitcode.With(exitcode.Fail, err)
	}
	id, ok, err := m.Engine.HasImage(ctx, tag)
	if err == nil && !ok {
		err = fmt.Errorf("%s: the build succeeded, but %s does not have %s", what, m.Engine, tag)
	}
	if err != nil {
		return record{}, err
	}
	r, err := m.save(ctx, e, b.name, id)
	if err != nil {
		return record{}, err
	}
	_ = m.Engine.Run(ctx, "image", "rm", tag) // save has given it its final name
	m.log(fmt.Sprintf("built the image %s in %s", b.name, round(time.Since(start))))
	r.Origin, r.From = Built, b.from
	return r, nil
}

// save gives an image of the engine a name from its content and writes it to the entry's archive.
func (m *Maker) save(ctx context.Context, e entry, name, id string) (record, error) {
	hex := id[strings.LastIndex(id, ":")+1:]
	if len(hex) < 12 {
		return record{}, fmt.Errorf("image %s has the id %q in %s, which is not a digest", name, id, m.Engine)
	}
	r := record{Ref: "localhost/meshproof/app/" + lastName(name) + ":" + hex[:12], Tar: appTar}
	if err := m.Engine.Run(ctx, "tag", id, r.Ref); err != nil {
		return record{}, fmt.Errorf("image %s: %w", name, err)
	}
	err := writeArchive(e.path(appTar), r.Ref, func(w io.Writer) error { return m.Engine.Save(ctx, w, r.Ref) })
	if err != nil {
		return record{}, fmt.Errorf("save image %s: %w", name, err)
	}
	in, err := readArchive(e.path(appTar))
	if err != nil {
		return record{}, err
	}
	r.ID = in.ID // not every engine's id is the digest of the configuration
	return r, nil
}

// lastName is the last part of a reference without tag and digest, with valid characters only: "shop" of
// "registry.example/team/Shop:1".
func lastName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndex(ref, "/")+1:]
	ref, _, _ = strings.Cut(ref, ":")
	ref = regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(ref), "-")
	if ref = strings.Trim(ref, "-"); ref == "" {
		return "image"
	}
	return ref
}
