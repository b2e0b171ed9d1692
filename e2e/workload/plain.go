package workload

import (
	"os"
	"path/filepath"
	"regexp"

	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Stdin is the path that means the standard input.
const Stdin = "-"

// saysProfile matches text that only a profile has.
var saysProfile = regexp.MustCompile(`(?m)^(apiVersion:.*meshproof\.dev|kind:\s*["']?Profile\b)`)

// Plain reports whether a path is manifests and not a profile: the standard input, a folder without a profile.yaml, a file
// without the text of a profile. A name in the fixtures, or a path that does not exist, is treated as a profile.
func (l Loader) Plain(nameOrPath string) bool {
	if nameOrPath == Stdin {
		return true
	}
	path, err := locate(l.Fixtures, nameOrPath)
	if err != nil {
		st, e := os.Stat(nameOrPath)
		return e == nil && st.IsDir()
	}
	data, err := files.Read(path)
	return err == nil && !saysProfile.Match(data)
}

// FromObjects creates a workload from objects without a profile. path is where they were read.
func FromObjects(p *profile.Profile, path string, objects *manifest.Set) (*Workload, error) {
	y, err := objects.YAML()
	if err != nil {
		return nil, err
	}
	w := &Workload{Profile: p, Dir: filepath.Dir(path), File: path}
	w.from.objects = []source{{manifest.FromFile(path, y), objects}}
	return w, w.resolve()
}

// Note adds a note about the manifests for the user.
func (w *Workload) Note(notes ...string) { w.notes = append(w.notes, notes...) }
