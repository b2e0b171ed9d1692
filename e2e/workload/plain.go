package workload

import (
	"os"
	"path/filepath"
	"regexp"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Stdin is the path that stands for what is read from the standard input.
const Stdin = "-"

// saysProfile is what only a profile has in its text.
var saysProfile = regexp.MustCompile(`(?m)^(apiVersion:.*meshproof\.dev|kind:\s*["']?Profile\b)`)

// Plain reports whether a path is manifests rather than a profile: the standard input, a folder without a profile.yaml, a file
// that says nothing of one. A name among the fixtures, and what is not there, is a profile's to miss.
func (l Loader) Plain(nameOrPath string) bool {
	if nameOrPath == Stdin {
		return true
	}
	path, err := locate(l.Fixtures, nameOrPath)
	if err != nil {
		st, e := os.Stat(nameOrPath)
		return e == nil && st.IsDir()
	}
	data, err := os.ReadFile(path)
	return err == nil && !saysProfile.Match(data)
}

// FromObjects makes a workload of objects that no profile file speaks of. path is where they were read from.
func FromObjects(p *profile.Profile, path string, objects *manifest.Set) (*Workload, error) {
	y, err := objects.YAML()
	if err != nil {
		return nil, err
	}
	w := &Workload{Profile: p, Dir: filepath.Dir(path), File: path}
	w.from.objects = []source{{manifest.FromFile(path, y), objects}}
	return w, w.resolve()
}

// Note adds what a reader has to know of the manifests.
func (w *Workload) Note(notes ...string) { w.notes = append(w.notes, notes...) }
