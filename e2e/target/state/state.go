// Package state stores on disk what must survive a process: which clusters of ours exist, which process owns each, and which one
// uses it now.
//
// In: a directory. Out: one JSON file per cluster and two lock files beside it. The locks are flock(2) locks: the
// kernel drops them when their process dies, however it dies, so there are no stale pid files.
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
// without such a file is not ours.
type Cluster struct {
	Name       string    `json:"name"`
	Phase      string    `json:"phase"`
	Kept       bool      `json:"kept"`       // released by its keeper, for the next run
	KeeperPID  int       `json:"keeperPid"`  // for messages; its lock says whether it lives
	Started    time.Time `json:"started"`    // when the cluster was requested
	Engine     string    `json:"engine"`     // "docker" or "podman"
	EngineEnv  []string  `json:"engineEnv"`  // as engine.Env
	Containers []string  `json:"containers"` // names of the node containers, existing or not
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

// Write replaces the cluster's file in one step.
func (d Dir) Write(c Cluster) error {
	if err := os.MkdirAll(d.clusters(), 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	path := d.Path(c.Name, "json")
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
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

// Remove deletes the cluster's file, kubeconfig and keeper's log. The lock files stay: if a locked file is deleted, two processes
// can hold "the" lock.
func (d Dir) Remove(name string) error {
	var all []error
	for _, ext := range []string{"kubeconfig", "kubeconfig.lock", "log", "json"} {
		if err := os.Remove(d.Path(name, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// List returns every cluster that has a file, by name. Files that cannot be read are reported and do not hide
// the others.
func (d Dir) List() ([]Cluster, error) {
	files, err := filepath.Glob(filepath.Join(d.clusters(), "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Cluster
	var errs []error
	for _, f := range files {
		c, ok, err := d.Read(strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			errs = append(errs, err)
		} else if ok {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return all, errors.Join(errs...)
}

// Network records that we created the engine's network "kind", because our cluster was kind's first.
type Network struct {
	Engine    string   `json:"engine"`
	EngineEnv []string `json:"engineEnv"`
}

func (d Dir) network() string { return filepath.Join(d.clusters(), "network") }

// NoteNetwork writes the record.
func (d Dir) NoteNetwork(n Network) error {
	if err := os.MkdirAll(d.clusters(), 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return os.WriteFile(d.network(), b, 0o600)
}

// MadeNetwork reads the record; ok is false if there is none.
func (d Dir) MadeNetwork() (n Network, ok bool) {
	b, err := os.ReadFile(d.network())
	if err != nil {
		return Network{}, false
	}
	return n, json.Unmarshal(b, &n) == nil
}

// ForgetNetwork deletes the record.
func (d Dir) ForgetNetwork() error { return os.Remove(d.network()) }
