package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Network records that we created the engine's network "kind", because our cluster was kind's first.
type Network struct {
	Engine    string   `json:"engine"`
	EngineEnv []string `json:"engineEnv"`
}

// NetworkNote is the file of the record.
func (d Dir) NetworkNote() string { return filepath.Join(d.clusters(), "network") }

// NoteNetwork writes the record.
func (d Dir) NoteNetwork(n Network) error {
	if err := os.MkdirAll(d.clusters(), 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return Replace(d.NetworkNote(), b, 0o600)
}

// MadeNetwork reads the record; ok is false if there is none that can be read.
func (d Dir) MadeNetwork() (n Network, ok bool) {
	b, err := os.ReadFile(d.NetworkNote())
	if err != nil {
		return Network{}, false
	}
	return n, json.Unmarshal(b, &n) == nil
}

// ForgetNetwork deletes the record.
func (d Dir) ForgetNetwork() error {
	if err := os.Remove(d.NetworkNote()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
