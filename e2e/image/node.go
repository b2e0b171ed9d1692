package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// The disk space for building the node image, as stated in scripts/node-image/Makefile.
const (
	nodeCacheBytes  = 3 * gb
	nodeGoBytes     = 3 * gb // Go's build cache
	nodeEngineBytes = 2 * gb
	nodeTar         = "node.tar"
)

// Node makes kind's node image available in the engine. k8s is a Kubernetes version: "" for the pinned one, "1.37" for any
// patch version, "1.37.2" for exactly that one. A version without builder and image is an error with code 64.
//
// An image that versions.env pins for that version is pulled if possible. Otherwise the image is built, in some ten minutes on two cores. The cache keeps
// an archive of it, which is loaded again if the engine has lost the image.
func (m *Maker) Node(ctx context.Context, k8s string) (Image, error) {
	b := builder{m, "node-image"}
	v, err := m.nodeVersion(b, k8s)
	if err != nil {
		return Image{}, err
	}
	settings := map[string]string{"K8S": v.build}
	key, err := b.key(settings, func(rel string, isDir bool) bool {
		// Each Kubernetes version has a folder; only that of the built version counts.
		return isDir && filepath.Dir(rel) == "k8s" && rel != "k8s/"+v.build
	})
	if err != nil {
		return Image{}, err
	}
	e := m.entry("node", "node-"+minorOf(v.build), key)
	usable := func(r *record) (bool, error) {
		if r.Origin == Pulled && r.Ref != v.pull {
			return false, nil
		}
		return m.inEngine(ctx, e, r)
	}
	im, err := m.obtain(ctx, "node", e, usable, func(lock *os.File) (record, error) {
		if v.pull != "" {
			r, failed := m.pullOrFind(ctx, v.pull)
			if no := (errNoPull{}); !errors.As(failed, &no) {
				return r, failed
			}
		}
		return m.buildNode(ctx, b, e, lock, settings)
	})
	im.Kubernetes = v.build
	if im.Origin == Pulled {
		im.Kubernetes = v.pulled
	}
	return im, err
}

func (m *Maker) buildNode(ctx context.Context, b builder, e entry, lock *os.File, settings map[string]string) (record, error) {
	what := "building the node image (Kubernetes " + settings["K8S"] + ")"
	if _, err := os.Stat(filepath.Join(b.dir(), "k8s", settings["K8S"])); err != nil {
		return record{}, exitcode.With(exitcode.Unavailable, fmt.Errorf("node image of Kubernetes %s: it cannot be pulled on this machine, and there is no builder for it", settings["K8S"]))
	}
	if _, err := exec.LookPath("go"); err != nil {
		return record{}, exitcode.With(exitcode.Unavailable, fmt.Errorf("node image of Kubernetes %s: it cannot be pulled on this machine, and building it needs the go command, which is not on PATH: "+
			"install Go (https://go.dev/dl), or give this machine access to an image registry, or use a cluster that exists with --context", settings["K8S"]))
	}
	if err := m.checkSpace(ctx, what, nodeCacheBytes, nodeEngineBytes, goCache(ctx, nodeGoBytes)...); err != nil {
		return record{}, err
	}
	if err := m.ensurePackages(ctx, what, m.Versions.Words("APT_BUILD")); err != nil {
		return record{}, err
	}
	if err := b.build(ctx, what, e, lock, settings); err != nil {
		return record{}, err
	}
	r := record{Ref: "localhost/meshproof/node:" + e.key, Origin: Built}
	ok, err := m.inEngine(ctx, e, &r) // loads the archive if an earlier build has made it and the engine has lost the image
	if err != nil {
		return record{}, err
	}
	if !ok {
		return record{}, fmt.Errorf("%s: the build succeeded, but %s does not have %s", what, m.Engine, r.Ref)
	}
	return r, e.keepOnly(nodeTar)
}

// inEngine reports whether the engine has the image, and sets its id, which differs between engines. An image that the
// engine has lost is loaded from the entry's archive.
func (m *Maker) inEngine(ctx context.Context, e entry, r *record) (bool, error) {
	id, ok, err := m.Engine.HasImage(ctx, r.Ref)
	if err == nil && !ok {
		if ok = m.load(ctx, e.path(nodeTar)); ok {
			id, ok, err = m.Engine.HasImage(ctx, r.Ref)
		}
	}
	r.ID = id
	return ok, err
}

// load loads an archive into the engine, if it exists. An archive that cannot be loaded is removed, and the image is built
// again.
func (m *Maker) load(ctx context.Context, archive string) bool {
	f, err := os.Open(archive)
	if err != nil {
		return false
	}
	defer f.Close()
	m.log("the engine has lost the node image; loading " + archive)
	c := m.Engine.Cmd(ctx, "load")
	c.Stdin = f
	if err = m.run(ctx, step{what: "loading the node image", cmd: c}); err == nil {
		return true
	}
	if ctx.Err() == nil {
		m.log(fmt.Sprintf("cannot load %s, so the image is built again: %v", archive, err))
		_ = os.Remove(archive)
	}
	return false
}

// pullOrFind returns a pinned image of the engine; it is pulled if the engine does not have it.
func (m *Maker) pullOrFind(ctx context.Context, ref string) (record, error) {
	r := record{Ref: ref, Origin: Pulled, existed: true}
	id, ok, err := m.Engine.HasImage(ctx, ref)
	if err == nil && !ok {
		r.existed = false
		if err = m.pull(ctx, ref); err == nil {
			id, ok, err = m.Engine.HasImage(ctx, ref)
		}
	}
	if err == nil && !ok {
		err = fmt.Errorf("%s was pulled, but %s does not have it", ref, m.Engine)
	}
	r.ID = id
	return r, err
}

// nodeVersion is a Kubernetes version that was asked for: what can be built, and what may be pulled instead.
type nodeVersion struct {
	build  string // "v1.37.2"
	pull   string // reference of a pinned image, "": none has the version
	pulled string // its version, "v1.37.0"
}

// nodeVersion finds the version among the builder's folders and the pinned images.
func (m *Maker) nodeVersion(b builder, k8s string) (nodeVersion, error) {
	pinned, err := m.Versions.Get("K8S")
	if err != nil {
		return nodeVersion{}, err
	}
	want := "v" + strings.TrimPrefix(k8s, "v")
	if k8s == "" {
		want = minorOf(pinned)
	}
	folders, err := os.ReadDir(filepath.Join(b.dir(), "k8s"))
	if err != nil {
		return nodeVersion{}, fmt.Errorf("builder: %w", err)
	}
	var v nodeVersion
	var builders, images []string
	for _, d := range folders {
		builders = append(builders, d.Name())
		if d.Name() == want || minorOf(d.Name()) == want {
			v.build = d.Name()
		}
	}
	for key, ref := range m.Versions {
		if key != "NODE_IMAGE" && !strings.HasPrefix(key, "NODE_IMAGE_") {
			continue
		}
		tag := tagOf(ref)
		images = append(images, tag)
		if tag == want || minorOf(tag) == want {
			v.pull, v.pulled = fullRef(ref), tag
		}
	}
	if v.build == "" && v.pull == "" {
		slices.Sort(images)
		return v, exitcode.With(exitcode.Usage, fmt.Errorf("there is no node image of Kubernetes %s: the builders support %s, and the pinned images have %s",
			strings.TrimPrefix(want, "v"), strings.Join(builders, ", "), strings.Join(images, ", ")))
	}
	v.build = cmp.Or(v.build, v.pulled)
	return v, nil
}

// minorOf is "v1.37" of "v1.37.2".
func minorOf(version string) string {
	f := strings.SplitN(version, ".", 3)
	if len(f) < 2 {
		return version
	}
	return f[0] + "." + f[1]
}

// tagOf is the tag of a reference, "" if it has none.
func tagOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndex(ref, "/")+1:]
	_, tag, _ := strings.Cut(ref, ":")
	return tag
}

// goCache is the disk space for a Go build in Go's build cache.
func goCache(ctx context.Context, bytes int64) []need {
	out, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" || dir == "off" {
		return nil
	}
	return []need{{dir, bytes}}
}
