package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// CacheDir is where everything of ours that may be made again lies: ${XDG_CACHE_HOME:-$HOME/.cache}/meshproof
// (XDG Base Directory Specification). It need not exist yet.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for a cache: %w", err)
	}
	return filepath.Join(dir, "meshproof"), nil
}

// entry is one folder of the cache: GROUP/KEY. Its file image.json is written last, so an entry without it is
// half made, and its builder goes on where it stopped.
type entry struct {
	dir  string // absolute
	kind string
	key  string
}

const (
	recordFile = "image.json"
	kindFile   = "kind" // written first, so that a half-made entry can be told from another kind's
	keepOld    = 2      // entries of a kind that are kept beside the newest
)

func (m *Maker) entry(group, kind, key string) entry {
	return entry{dir: filepath.Join(m.Cache, group, key), kind: kind, key: key}
}

func (e entry) path(name string) string { return filepath.Join(e.dir, name) }

// load reads the entry's record; false when the entry is not complete. It marks the entry as used.
func (e entry) load() (record, bool) {
	var r record
	b, err := os.ReadFile(e.path(recordFile))
	if err != nil || json.Unmarshal(b, &r) != nil || r.Ref == "" {
		return record{}, false
	}
	if r.Tar != "" {
		if _, err := os.Stat(e.path(r.Tar)); err != nil {
			return record{}, false
		}
	}
	now := time.Now()
	_ = os.Chtimes(e.path(kindFile), now, now) // only the order of removal hangs on it
	return r, true
}

// begin makes the folder of an entry that is about to be made.
func (e entry) begin() error {
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return writeFile(e.path(kindFile), []byte(e.kind+"\n"))
}

// complete writes the record.
func (e entry) complete(r record) error {
	r.Kind, r.Made = e.kind, time.Now().UTC()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(e.path(recordFile), append(b, '\n'))
}

// writeFile replaces a file in one step.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cache: write %s: %w", path, err)
	}
	return nil
}

// obtain returns the entry's image: as it is when its record is there and usable says yes (it may correct the
// record by what it sees), else what makeIt makes. Only one caller, of all processes, makes an entry at a time; the others wait and then find it.
//
// makeIt gets the lock, to be handed to child processes: while one of them lives the entry stays locked, even if
// this process is killed.
func (m *Maker) obtain(ctx context.Context, name string, e entry, usable func(*record) (bool, error),
	makeIt func(lock *os.File) (record, error)) (Image, error) {
	start := time.Now()
	find := func() (Image, bool, error) {
		r, ok := e.load()
		if !ok {
			return Image{}, false, nil
		}
		if ok, err := usable(&r); err != nil || !ok {
			return Image{}, false, err
		}
		return r.image(name, e, Cached, start), true, nil
	}
	if im, ok, err := find(); ok || err != nil {
		return im, err
	}
	lock, err := m.lock(ctx, e.kind+"-"+e.key, fmt.Sprintf("another run is making the image %s", name))
	if err != nil {
		return Image{}, err
	}
	defer lock.Close()
	if im, ok, err2 := find(); ok || err2 != nil {
		return im, err2
	}
	if err = e.begin(); err != nil {
		return Image{}, err
	}
	r, err := makeIt(lock)
	if err != nil {
		return Image{}, err
	}
	if err = e.complete(r); err != nil {
		return Image{}, err
	}
	m.sweep(ctx, e)
	if r.found {
		return r.image(name, e, Cached, start), nil
	}
	return r.image(name, e, r.Origin, start), nil
}

// asRecorded is for images that are only a file in the cache: they are usable when their record is there.
func asRecorded(*record) (bool, error) { return true, nil }

// sweep removes the entries of e's kind that are older than the newest keepOld beside e, and their images in the
// engine. It is housekeeping: what cannot be removed (in use, locked) stays until the next time.
func (m *Maker) sweep(ctx context.Context, e entry) {
	group := filepath.Dir(e.dir)
	names, err := os.ReadDir(group)
	if err != nil {
		return
	}
	type old struct {
		entry
		used time.Time
	}
	var olds []old
	for _, n := range names {
		o := entry{dir: filepath.Join(group, n.Name()), kind: e.kind, key: n.Name()}
		info, err := os.Stat(o.path(kindFile))
		if err != nil || o.key == e.key {
			continue
		}
		if b, err := os.ReadFile(o.path(kindFile)); err != nil || string(b) != e.kind+"\n" {
			continue
		}
		olds = append(olds, old{o, info.ModTime()})
	}
	sort.Slice(olds, func(i, j int) bool { return olds[i].used.After(olds[j].used) })
	for i, o := range olds {
		if i < keepOld {
			continue
		}
		lock, ok := m.tryLock(o.kind + "-" + o.key)
		if !ok {
			continue
		}
		if r, ok := o.load(); ok && m.Engine != nil {
			for im := &r; im != nil && im.Origin == Built; im = im.Run {
				_ = m.Engine.Run(ctx, "image", "rm", im.Ref) // fails while a container uses it, and then it stays
			}
		}
		m.log(fmt.Sprintf("removing an old entry of the cache: %s %s", o.kind, o.key))
		_ = removeAll(o.dir)
		_ = lock.Close()
	}
}

// removeAll removes a folder in which some folders may be read-only, as those of a Go module cache are.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
