package image

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// engineApp uses an image of the engine, or pulls it first. If it cannot be pulled but is in the engine, that one is used,
// with a message.
func (m *Maker) engineApp(ctx context.Context, a App, ref string, pull bool) (Image, error) {
	start := time.Now()
	origin, no := "", errNoPull{}
	if pull {
		ref = fullRef(ref)
		if _, ok, err := m.Engine.HasImage(ctx, ref); err == nil && ok && strings.Contains(ref, "@") {
			pull = false // a digest always means the same content
		}
	}
	if pull {
		err := m.pull(ctx, ref)
		if err != nil && !errors.As(err, &no) {
			return Image{}, err
		}
		if err == nil {
			origin = Pulled
		}
	}
	id, ok, err := m.Engine.HasImage(ctx, ref)
	switch {
	case err != nil:
		return Image{}, err
	case !ok && pull:
		return Image{}, exitcode.With(exitcode.Fail, fmt.Errorf("image %s: %w, and %s does not have it", a.Name, no, m.Engine))
	case !ok:
		return Image{}, exitcode.With(exitcode.Fail, fmt.Errorf("image %s: %s does not have %s", a.Name, m.Engine, ref))
	case pull && origin == "":
		m.log(fmt.Sprintf("image %s: using the copy of %s in %s (%s)", a.Name, ref, m.Engine.Name(), id))
	}
	k := newKeyer()
	k.add(id)
	e := m.entry("images/app", "app-"+lastName(a.Name), k.key())
	im, err := m.obtain(ctx, a.Name, e, alwaysUsable, func(*os.File) (record, error) {
		if full := m.checkSpace(ctx, "saving the image "+a.Name, appCacheBytes, 0); full != nil {
			return record{}, full
		}
		r, failed := m.save(ctx, e, a.Name, id)
		r.Origin, r.existed = origin, origin == ""
		return r, failed
	})
	im.Took = time.Since(start)
	return im, err
}

// archiveApp uses an archive as it is. A gzipped archive is unpacked into the cache, because containerd imports plain tars
// only.
func (m *Maker) archiveApp(ctx context.Context, a App) (Image, error) {
	start := time.Now()
	file := a.path(a.Archive)
	in, err := readArchive(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Image{}, exitcode.With(exitcode.Usage, fmt.Errorf("image %s: %w", a.Name, err))
	case err != nil:
		return Image{}, exitcode.With(exitcode.Fail, fmt.Errorf("image %s: %w", a.Name, err))
	case in.Ref == "":
		return Image{}, exitcode.With(exitcode.Fail, fmt.Errorf("image %s: the image in %s has no name; save it by its name instead of its id", a.Name, file))
	}
	ref := fullRef(in.Ref)
	if !in.gzipped {
		return Image{Name: a.Name, Ref: ref, ID: in.ID, Tar: file, Source: Cached, Took: time.Since(start)}, nil
	}
	k := newKeyer()
	k.add(in.ID, ref)
	e := m.entry("images/app", "app-"+lastName(a.Name), k.key())
	im, err := m.obtain(ctx, a.Name, e, alwaysUsable, func(*os.File) (record, error) {
		if failed := gunzip(file, e.path(appTar)); failed != nil {
			return record{}, fmt.Errorf("image %s: unpack %s: %w", a.Name, file, failed)
		}
		return record{Ref: ref, ID: in.ID, Tar: appTar, existed: true}, nil
	})
	im.Took = time.Since(start)
	return im, err
}

func gunzip(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return writeAtomically(to, func(w io.Writer) error {
		_, err = io.Copy(w, z)
		return err
	})
}
