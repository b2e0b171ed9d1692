// Package version says what this program is made of: its revision, what it brings, the libraries and pinned versions that decide
// what a run does, and the format of its recordings.
//
// In: what the linker and the build wrote into the binary. Out: a few strings.
package version

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/scripts"
)

// What the program was built from: the linker sets it. make sets the revision (git describe), scripts/dist the commit, too.
//
//nolint:gochecknoglobals // the linker can set nothing else
var revision, commit string

// Info is what meshproof version prints.
type Info struct {
	Meshproof  string          `json:"meshproof"`        // version of this program
	Commit     string          `json:"commit,omitempty"` // it was built from; empty where the build did not write it down
	Dirty      bool            `json:"dirty"`            // the checkout had changes that are in no commit
	Go         string          `json:"go"`               // that built it
	Platform   string          `json:"platform"`
	Kind       string          `json:"kind"`                // the library that makes clusters
	Kubernetes string          `json:"kubernetes"`          // of a cluster that is made, unless another is asked for
	Supported  []string        `json:"kubernetesSupported"` // versions for which a cluster can be made
	OTP        string          `json:"otp"`                 // of the application's image, unless another is asked for
	Recording  string          `json:"recording"`           // format of the recordings that it writes and reads
	Brings     []bundle.Digest `json:"brings,omitempty"`    // programs of the agent's image; none: they are built from the checkout
}

// Get reads what is known. Versions are empty where the build left them out.
func Get() (Info, error) {
	i := Info{Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Recording: recording.Format, Brings: bundle.Digests()}
	module := ""
	if b, ok := debug.ReadBuildInfo(); ok {
		module = strings.TrimSuffix(b.Main.Version, "(devel)")
		i.read(b)
	}
	i.Meshproof = cmp.Or(revision, module, "unknown")
	i.Dirty = i.Dirty || strings.HasSuffix(i.Meshproof, "-dirty")
	pinned, err := scripts.Load()
	if err != nil {
		return i, err
	}
	if i.Kubernetes, err = pinned.Get("K8S"); err != nil {
		return i, err
	}
	i.Supported = pinned.Kubernetes()
	i.OTP, err = pinned.Get("OTP")
	return i, err
}

// read takes what the go command wrote into the binary.
func (i *Info) read(b *debug.BuildInfo) {
	for _, d := range b.Deps {
		if d.Path == "sigs.k8s.io/kind" {
			i.Kind = d.Version
		}
	}
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = cmp.Or(commit, s.Value)
		case "vcs.modified":
			i.Dirty = s.Value == "true"
		}
	}
}
