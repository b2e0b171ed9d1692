package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// The disk space for building the bases: two root file systems with 0.8 GB in total.
const (
	baseCacheBytes  = gb
	baseEngineBytes = gb
)

// Bases makes the two base images of an Erlang application available in the engine: the build base with Erlang/OTP and
// rebar3, and the run base. otp is an OTP release ("27"); "": the pinned default. A release without pins is an error with
// code 64.
//
// Either both are pulled or both are built: an Erlang release contains its ERTS, which needs the libraries of the system
// where it was built.
func (m *Maker) Bases(ctx context.Context, otp string) (build, run Image, err error) {
	start := time.Now()
	e, otp, err := m.baseEntry(otp)
	if err != nil {
		return Image{}, Image{}, err
	}
	r := record{}
	build, err = m.obtain(ctx, "otp-build", e, func(found *record) (bool, error) {
		if found.Run == nil {
			return false, nil
		}
		for _, im := range []*record{found, found.Run} {
			id, ok, broken := m.Engine.HasImage(ctx, im.Ref)
			if broken != nil || !ok {
				return false, broken
			}
			im.ID = id
		}
		r = *found
		return true, nil
	}, func(lock *os.File) (record, error) {
		made, failed := m.makeBases(ctx, e, lock, otp)
		r = made
		return made, failed
	})
	if err != nil {
		return Image{}, Image{}, err
	}
	return build, r.Run.image("otp-run", e, build.Source, start), nil
}

// baseEntry is the cache entry of a release's bases.
func (m *Maker) baseEntry(otp string) (entry, string, error) {
	if otp == "" {
		var err error
		if otp, err = m.Versions.Get("OTP"); err != nil {
			return entry{}, "", err
		}
	}
	if _, err := m.Versions.Get("OTP_" + otp + "_SUITE"); err != nil {
		return entry{}, "", exitcode.With(exitcode.Usage, fmt.Errorf("OTP %s is not supported: there are base images only for %s", otp, strings.Join(m.Versions.Releases(), ", ")))
	}
	key, err := builder{m, "base-image"}.key(map[string]string{"OTP": otp}, nil)
	if err != nil {
		return entry{}, "", err
	}
	return m.entry("base", "base-"+otp, key), otp, nil
}

func (m *Maker) makeBases(ctx context.Context, e entry, lock *os.File, otp string) (record, error) {
	r, err := m.pullBases(ctx, otp)
	if no := (errNoPull{}); !errors.As(err, &no) {
		return r, err
	}
	what := "building the base images (OTP " + otp + ")"
	if err := m.checkSpace(ctx, what, baseCacheBytes, baseEngineBytes); err != nil {
		return record{}, err
	}
	if err := m.ensurePackages(ctx, what, m.Versions.Words("APT_BUILD")); err != nil {
		return record{}, err
	}
	if err := (builder{m, "base-image"}).build(ctx, what, e, lock, map[string]string{"OTP": otp}); err != nil {
		return record{}, err
	}
	name := func(part string) record {
		return record{Ref: fmt.Sprintf("localhost/meshproof/otp-%s:%s-%s", part, otp, e.key), Origin: Built}
	}
	r, run := name("build"), name("run")
	for _, im := range []*record{&r, &run} {
		id, ok, err := m.Engine.HasImage(ctx, im.Ref)
		if err == nil && !ok {
			err = fmt.Errorf("%s: the build succeeded, but %s does not have %s", what, m.Engine, im.Ref)
		}
		if err != nil {
			return record{}, err
		}
		im.ID = id
	}
	r.Run = &run
	// The builder's marker files are removed, so that it imports the archives again if the engine has lost the images.
	return r, e.keepOnly("build.tar", "run.tar")
}

func (m *Maker) pullBases(ctx context.Context, otp string) (record, error) {
	var both [2]record
	for i, key := range []string{"ERLANG_BUILD_" + otp, "ERLANG_RUN_" + otp} {
		ref := m.Versions[key]
		if ref == "" {
			return record{}, errNoPull{"erlang:" + otp, "scripts/versions.env has no " + key}
		}
		var err error
		if both[i], err = m.pullOrFind(ctx, fullRef(ref)); err != nil {
			return record{}, err
		}
	}
	r := both[0]
	r.Run = &both[1]
	r.existed = both[0].existed && both[1].existed
	return r, nil
}
