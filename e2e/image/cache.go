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

// CacheDir is the folder for everything that can be built again: ${XDG_CACHE_HOME:-$HOME/.cache}/meshproof (XDG Base
// Directory Specification). It may not exist yet.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the user's cache folder: %w", err)
	}
	return filepath.Join(dir, "meshproof"), nil
}

// entry is one folder of the cache: GROUP/KEY. Its file image.json is written last. An entry without it is incomplete, and
// its builder continues where it stopped.
type entry struct {
	dir  string // absolute
	kind string
	key  string
}

const (
	recordFile  = "image.json"
	kindFile    = "kind" // written first, so that the kind of an incomplete entry is known
	keepEntries = 2      // entries of a kind that are kept in addition to the newest
)

func (m *Maker) entry(group, kind, key string) entry {
	return entry{dir: filepath.Join(m.Cache, group, key), kind: kind, key: key}
}

func (e entry) path(name string) string { return filepath.Join(e.dir, name) }

// load reads the entry's record; false if the entry is incomplete. It marks the entry as used.
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
	_ = os.Chtimes(e.path(kindFile), now, now) // decides only the order of removal
	return r, true
}

// create creates the folder of an entry.
func (e entry) create() error {
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return writeFile(e.path(kindFile), []byte(e.kind+"\n"))
}

// writeRecord writes the record, which makes the entry complete.
func (e entry) writeRecord(r record) error {
	r.Kind, r.Made = e.kind, time.Now().UTC()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(e.path(recordFile), append(b, '\n'))
}

// writeFile replaces a file atomically.
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

// obtain returns the entry's image. If the entry has a record and usable returns true, it is taken from the cache; usable
// may correct the record. Otherwise makeIt makes it. Only one caller in all processes makes an entry at a time; the others
// wait and then use it.
//
// makeIt passes the lock on to its child processes: the entry stays locked until they exit, even if this process is
// killed.
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
	lock, err := m.lock(ctx, e.kind+"-"+e.key, fmt.Sprintf("another run is building the image %s", name))
	if err != nil {
		return Image{}, err
	}
	defer lock.Close()
	if im, ok, err2 := find(); ok || err2 != nil {
		return im, err2
	}
	if err = e.create(); err != nil {
		return Image{}, err
	}
	r, err := makeIt(lock)
	if err != nil {
		return Image{}, err
	}
	if err = e.writeRecord(r); err != nil {
		return Image{}, err
	}
	m.removeOld(ctx, e)
	if r.existed {
		return r.image(name, e, Cached, start), nil
	}
	return r.image(name, e, r.Origin, start), nil
}

// alwaysUsable is for images that are only a file in the cache: they are usable if they have a record.
func alwaysUsable(*record) (bool, error) { return true, nil }

// removeOld removes the entries of e's kind except e and the newest keepEntries, and their images in the engine. An entry
// that cannot be removed (in use, locked) stays until the next time.
func (m *Maker) removeOld(ctx context.Context, e entry) {
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
		if i < keepEntries {
			continue
		}
		lock, ok := m.tryLock(o.kind + "-" + o.key)
		if !ok {
			continue
		}
		if r, ok := o.load(); ok && m.Engine != nil {
			for im := &r; im != nil && im.Origin == Built; im = im.Run {
				_ = m.Engine.Run(ctx, "image", "rm", im.Ref) // fails while a container uses the image; then the image stays
			}
		}
		m.log(fmt.Sprintf("removing an old cache entry: %s %s", o.kind, o.key))
		_ = removeAll(o.dir)
		_ = lock.Close()
	}
}

// removeAll removes a folder. Some of its folders may be read-only, as in a Go module cache.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
