package image

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// builder is a folder under scripts/ whose Makefile builds images.
type builder struct {
	maker *Maker
	name  string // "node-image"
}

func (b builder) dir() string { return filepath.Join(b.maker.Root, "scripts", b.name) }

// inputs are the keys of versions.env that the Makefile reads, from its comment "# inputs: KEY KEY". A change of any other
// pin does not rebuild its images.
func (b builder) inputs() ([]string, error) {
	file := filepath.Join(b.dir(), "Makefile")
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("builder: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if keys, ok := strings.CutPrefix(s.Text(), "# inputs: "); ok {
			return strings.Fields(keys), nil
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("builder: read %s: %w", file, err)
	}
	return nil, fmt.Errorf("builder: %s has no line \"# inputs:\" with the keys of versions.env that it reads", file)
}

// key is the cache key of the builder's images with the given settings, which override the pins of the same name.
func (b builder) key(settings map[string]string, skip func(rel string, isDir bool) bool) (string, error) {
	keys, err := b.inputs()
	if err != nil {
		return "", err
	}
	values := maps.Clone(settings)
	for _, name := range keys {
		if _, ok := settings[name]; ok {
			continue
		}
		if values[name], err = b.maker.Versions.Get(name); err != nil {
			return "", err
		}
	}
	k := newKeyer()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		k.add(name, values[name])
	}
	err = k.addTree(b.dir(), func(rel string, isDir bool) bool {
		return skipBuilder(rel, isDir) || skip != nil && skip(rel, isDir)
	})
	if err != nil {
		return "", fmt.Errorf("builder: %w", err)
	}
	return k.key() + "-" + runtime.GOARCH, nil
}

// build runs the builder's Makefile, which writes to e. The child processes get e's lock, so that the entry stays locked if
// the harness is killed and the build goes on.
func (b builder) build(ctx context.Context, what string, e entry, lock *os.File, settings map[string]string) error {
	// Two concurrent builds with one Makefile would use the same names in the engine.
	alone, err := b.maker.lock(ctx, b.name, "another run is building with scripts/"+b.name)
	if err != nil {
		return err
	}
	defer alone.Close()
	// --silent: the Makefile's own messages are the progress; its commands need not be printed.
	args := []string{"--silent", "--no-print-directory", "-C", b.dir(), "ENGINE=" + b.maker.Engine.Command(), "OUT=" + e.dir, "KEY=" + e.key}
	for name, value := range settings {
		args = append(args, name+"="+value)
	}
	c := exec.CommandContext(ctx, "make", args...)
	c.Env = append(withoutMakeVariables(os.Environ()), b.maker.Engine.Env()...)
	c.ExtraFiles = []*os.File{lock, alone}
	log := e.path("build.log")
	_ = os.Remove(log)
	start := time.Now()
	b.maker.log(fmt.Sprintf("%s; its output goes to %s", what, log))
	if err := b.maker.run(ctx, step{what: what, cmd: c, log: log}); err != nil {
		return err
	}
	b.maker.log(fmt.Sprintf("%s: done in %s", what, round(time.Since(start))))
	return nil
}

// withoutMakeVariables removes the variables of a make that started this process: its job server is not for our make.
func withoutMakeVariables(env []string) []string {
	var out []string
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKEFILES":
		default:
			out = append(out, e)
		}
	}
	return out
}

// keepOnly removes all other files from an entry: only its builder needed them. The log stays.
func (e entry) keepOnly(names ...string) error {
	keep := map[string]bool{recordFile: true, kindFile: true, "build.log": true}
	for _, n := range names {
		keep[n] = true
	}
	all, err := os.ReadDir(e.dir)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	for _, f := range all {
		if !keep[f.Name()] {
			if err := removeAll(e.path(f.Name())); err != nil {
				return fmt.Errorf("cache: %w", err)
			}
		}
	}
	return nil
}
