package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
)

const gb = 1 << 30

// need is the disk space that a build needs in a folder.
type need struct {
	dir   string
	bytes int64
}

// checkDisk checks that there is space for all needs; needs on the same file system add up. The error has the numbers of
// each file system that is too full, and exit code 69.
func checkDisk(what string, needs []need) error {
	return checkFree(what, needs, diskFree)
}

func checkFree(what string, needs []need, free func(dir string) (fsID uint64, bytes int64, err error)) error {
	type system struct {
		dirs       []string
		want, have int64
	}
	var order []uint64
	systems := map[uint64]*system{}
	for _, n := range needs {
		id, have, err := free(n.dir)
		if err != nil {
			return fmt.Errorf("cannot read the free disk space at %s: %w", n.dir, err)
		}
		s := systems[id]
		if s == nil {
			s = &system{have: have}
			systems[id] = s
			order = append(order, id)
		}
		s.dirs = append(s.dirs, n.dir)
		s.want += n.bytes
	}
	var short []string
	for _, id := range order {
		if s := systems[id]; s.have < s.want {
			short = append(short, fmt.Sprintf("%.1f GB in %s, where only %.1f GB are free",
				float64(s.want)/gb, strings.Join(s.dirs, " and "), float64(s.have)/gb))
		}
	}
	if len(short) == 0 {
		return nil
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("not enough disk space for %s: it needs %s (make clean-cache removes the images that earlier runs built)",
		what, strings.Join(short, ", and ")))
}

// diskFree is the free space for this user in the file system of dir, or of its nearest existing parent.
func diskFree(dir string) (fsID uint64, bytes int64, err error) {
	for {
		var st syscall.Stat_t
		err = syscall.Stat(dir, &st)
		if err == nil {
			fsID = uint64(st.Dev) //nolint:unconvert // Dev has another type on other systems
			break
		}
		if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return 0, 0, err
		}
		dir = filepath.Dir(dir)
	}
	var fs syscall.Statfs_t
	if err = syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	return fsID, int64(fs.Bavail) * int64(fs.Bsize), nil //nolint:unconvert // of another type on other systems
}

// engineDir is the folder of the engine's images; "" if it is not known or on another machine.
func (m *Maker) engineDir(ctx context.Context) string {
	format := "{{.DockerRootDir}}"
	if m.Engine.Name() == engine.Podman {
		format = "{{.Store.GraphRoot}}"
	}
	out, err := m.Engine.Output(ctx, "info", "--format", format)
	if err != nil {
		return ""
	}
	dir := strings.TrimSpace(string(out))
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// checkSpace checks the disk for a build that needs that many bytes in the cache and in the engine's store.
func (m *Maker) checkSpace(ctx context.Context, what string, inCache, inEngine int64, more ...need) error {
	needs := append([]need{{m.Cache, inCache}}, more...)
	if dir := m.engineDir(ctx); dir != "" {
		needs = append(needs, need{dir, inEngine})
	}
	return checkDisk(what, needs)
}
