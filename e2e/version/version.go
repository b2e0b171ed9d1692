// Package version says what this program is made of: its revision, the libraries and pinned versions that decide what a run
// does, and the format of its recordings.
//
// In: what the linker and the build wrote into the binary. Out: a few strings.
package version

import (
	"runtime"
	"runtime/debug"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/scripts"
)

// revision is what the program was built from; make sets it when it links (git describe).
var revision = "unknown" //nolint:gochecknoglobals // the linker can set nothing else

// Info is what meshproof version prints.
type Info struct {
	Meshproof  string `json:"meshproof"`  // revision of this program
	Go         string `json:"go"`         // that built it
	Kind       string `json:"kind"`       // the library that makes clusters
	Kubernetes string `json:"kubernetes"` // of a cluster that is made, unless another is asked for
	OTP        string `json:"otp"`        // of the application's image, unless another is asked for
	Recording  string `json:"recording"`  // format of the recordings that it writes and reads
}

// Get reads what is known. Versions are empty where the build left them out.
func Get() (Info, error) {
	i := Info{Meshproof: revision, Go: runtime.Version(), Recording: recording.Format}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if d.Path == "sigs.k8s.io/kind" {
				i.Kind = d.Version
			}
		}
	}
	pinned, err := scripts.Load()
	if err != nil {
		return i, err
	}
	if i.Kubernetes, err = pinned.Get("K8S"); err != nil {
		return i, err
	}
	i.OTP, err = pinned.Get("OTP")
	return i, err
}
