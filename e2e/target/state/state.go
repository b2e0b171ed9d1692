// Package state stores on disk what must survive a process: which clusters of ours exist, which process owns each, and which one
// uses it now.
//
// In: a directory. Out: one JSON file per cluster (its note) and two lock files beside it. The locks are flock(2) locks: the
// kernel drops them when their process dies, however it dies, so there are no stale pid files. A note is on the disk before what
// it is about exists. One that cannot be read is moved aside and blocks nobody.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The phases of a cluster.
const (
	Creating = "creating"
	Up       = "up"
	Deleting = "deleting"
)

// Cluster is the record of one cluster that we created. It is written before the first container exists: a cluster of that name
// without such a file is not ours, and neither is a container that is not in IDs, once the cluster is up.
type Cluster struct {
	Name       string    `json:"name"`
	Phase      string    `json:"phase"`
	Kept       bool      `json:"kept"`       // released by its keeper, for the next run
	KeeperPID  int       `json:"keeperPid"`  // for messages; its lock says whether it lives
	Started    time.Time `json:"started"`    // when the cluster was requested
	Engine     string    `json:"engine"`     // "docker" or "podman"
	EngineEnv  []string  `json:"engineEnv"`  // as engine.Env
	Containers []string  `json:"containers"` // names of the node containers, existing or not
	IDs        []string  `json:"ids"`        // the engine's ids of the node containers; while it is created, of those seen so far
	Kubeconfig string    `json:"kubeconfig"` // our own file

	NodeImage   string `json:"nodeImage"`   // as asked for
	NodeImageID string `json:"nodeImageId"` // as the engine's store has it
	SharedDir   string `json:"sharedDir,omitempty"`
	Config      string `json:"config"` // its kind configuration
}

// Dir is the directory with the files.
type Dir string

func (d Dir) clusters() string { return filepath.Join(string(d), "clusters") }

// Path is the path of a file of the cluster; ext is "json", "kubeconfig", "log", "keeper" or "lock".
func (d Dir) Path(name, ext string) string { return filepath.Join(d.clusters(), name+"."+ext) }

// Write replaces the cluster's file in one step; when it returns, the file is on the disk.
func (d Dir) Write(c Cluster) error {
	if err := os.MkdirAll(d.clusters(), 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return Replace(d.Path(c.Name, "json"), append(b, '\n'), 0o600)
}

// Read returns the cluster's file; ok is false when there is none.
func (d Dir) Read(name string) (c Cluster, ok bool, err error) {
	b, err := os.ReadFile(d.Path(name, "json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Cluster{}, false, nil
	}
	if err != nil {
		return Cluster{}, false, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return Cluster{}, false, fmt.Errorf("%s: %w", d.Path(name, "json"), err)
	}
	if c.Name != name {
		return Cluster{}, false, fmt.Errorf("%s is about a cluster named %q", d.Path(name, "json"), c.Name)
	}
	return c, true, nil
}

// fileExts are the files of a cluster beside its locks. The note is the last one: what could not be removed still has it.
var fileExts = []string{"kubeconfig", "kubeconfig.lock", "log", "json"}

// Remove deletes the cluster's file, kubeconfig and keeper's log. The lock files are removed by who holds them.
func (d Dir) Remove(name string) error {
	var all []error
	for _, ext := range fileExts {
		if err := os.Remove(d.Path(name, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Broken is a note that cannot be read.
type Broken struct {
	Name string // of the cluster, by the file's name
	Err  error
}

// List returns every cluster that has a file, by name. Files that cannot be read do not hide the others.
func (d Dir) List() (all []Cluster, broken []Broken, err error) {
	entries, err := os.ReadDir(d.clusters())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	for _, e := range entries { // sorted by name
		name, isNote := strings.CutSuffix(e.Name(), ".json")
		if !isNote {
			continue
		}
		c, ok, rerr := d.Read(name)
		if rerr != nil {
			broken = append(broken, Broken{name, rerr})
		} else if ok {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return all, broken, err
}

const brokenExt = ".json.broken-"

// MoveAside renames a note that cannot be read, so that it blocks nobody, and returns its new path.
func (d Dir) MoveAside(name string) (string, error) {
	to := filepath.Join(d.clusters(), name+brokenExt+time.Now().UTC().Format("20060102T150405.000000Z"))
	if err := os.Rename(d.Path(name, "json"), to); err != nil {
		return "", err
	}
	return to, syncDir(d.clusters())
}

// Aside returns the paths of the notes that were moved aside.
func (d Dir) Aside() []string {
	paths, _ := filepath.Glob(filepath.Join(d.clusters(), "*"+brokenExt+"*")) // the pattern is valid
	return paths
}

// Sweep removes the files of clusters that have no note, not even one moved aside, and that nobody uses: the locks of clusters that
// are gone, and what a process left that died before it wrote its note.
func (d Dir) Sweep() error {
	entries, err := os.ReadDir(d.clusters())
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	files, noted := map[string][]string{}, map[string]bool{}
	for _, e := range entries {
		name, ext, _ := strings.Cut(e.Name(), ".")
		switch {
		case ext == "json" || strings.HasPrefix("."+ext, brokenExt):
			noted[name] = true
		case slices.Contains(fileExts, ext) || ext == "lock" || ext == "keeper" || strings.HasPrefix(ext, "json."):
			files[name] = append(files[name], ext)
		}
	}
	var all []error
	for name, exts := range files {
		if !noted[name] {
			all = append(all, d.sweepOne(name, exts))
		}
	}
	return errors.Join(all...)
}

func (d Dir) sweepOne(name string, exts []string) error {
	var held *HeldError
	run, err := d.Run(name)
	if errors.As(err, &held) {
		return nil
	}
	if err != nil {
		return err
	}
	defer run.Remove()
	keeper, err := d.Keeper(name)
	if errors.As(err, &held) {
		run.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	defer keeper.Remove()
	if _, err := os.Lstat(d.Path(name, "json")); err == nil { // written since
		run.Unlock()
		keeper.Unlock()
		return nil
	}
	var all []error
	for _, ext := range exts {
		if ext == "lock" || ext == "keeper" {
			continue
		}
		if err := os.Remove(d.Path(name, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
