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

// What building the bases takes: two root file systems of 0.8 GB together.
const (
	baseCacheBytes  = gb
	baseEngineBytes = gb
)

// Bases makes the two images available in the engine that an Erlang application's image is built on: one to
// build in, with Erlang/OTP and rebar3, and one to run in. otp is a release ("27"); empty: the pinned default.
// One that has no pins is an error of code 64.
//
// Both are pulled, or else both are built: a release brings its own ERTS, which needs the libraries of the system
// it was built on.
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

// baseEntry is where the bases of a release lie in the cache.
func (m *Maker) baseEntry(otp string) (entry, string, error) {
	if otp == "" {
		var err error
		if otp, err = m.Versions.Get("OTP"); err != nil {
			return entry{}, "", err
		}
	}
	if _, err := m.Versions.Get("OTP_" + otp + "_SUITE"); err != nil {
		return entry{}, "", exitcode.With(exitcode.Usage, fmt.Errorf("no base images are known for OTP %s, only for %s", otp, strings.Join(m.releases(), ", ")))
	}
	key, err := builder{m, "base-image"}.key(map[string]string{"OTP": otp}, nil)
	if err != nil {
		return entry{}, "", err
	}
	return m.entry("base", "base-"+otp, key), otp, nil
}

// releases are the OTP releases that the pins know.
func (m *Maker) releases() []string {
	var out []string
	for otp := 20; otp < 100; otp++ {
		if _, ok := m.Versions[fmt.Sprintf("OTP_%d_SUITE", otp)]; ok {
			out = append(out, fmt.Sprint(otp))
		}
	}
	return out
}

func (m *Maker) makeBases(ctx context.Context, e entry, lock *os.File, otp string) (record, error) {
	r, err := m.pullBases(ctx, otp)
	if no := (errNoPull{}); !errors.As(err, &no) {
		return r, err
	}
	what := "building the base images (OTP " + otp + ")"
	if err := m.room(ctx, what, baseCacheBytes, baseEngineBytes); err != nil {
		return record{}, err
	}
	if err := m.havePackages(ctx, what, m.Versions.Words("APT_BUILD")); err != nil {
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
			err = fmt.Errorf("%s: the builder ended well, but %s is not in %s", what, im.Ref, m.Engine)
		}
		if err != nil {
			return record{}, err
		}
		im.ID = id
	}
	r.Run = &run
	// Without its marks the builder imports the archives again when the engine has lost the images.
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
	r.found = both[0].found && both[1].found
	return r, nil
}
