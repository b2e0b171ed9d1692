// Package image makes the container images of a run available: the kind node, the Erlang bases, the application, the
// agent. Images are pulled by digest. If that is not possible, the Makefiles under scripts/ build them from the Go module
// proxy and Debian's archive. The agent's image is assembled in-process. An image is built once for each state of its
// inputs and then taken from the user's cache.
//
// In: a checkout, a container engine, the pins of scripts/versions.env, the images of a profile. Out: for each image a
// reference, the digest of its configuration and, if it must be loaded into nodes, an archive. Errors have exit codes: 1
// for an application that does not build, 69 for a machine without disk space or packages, 64 for a path that does not
// exist; an error without a code is the harness's own fault (70). Progress goes to Maker.Log only.
package image

import (
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/scripts"
)

// Where an image came from.
const (
	Pulled = "pulled" // from its registry, in this run
	Built  = "built"  // on this machine, in this run
	Cached = "cached" // from an earlier run, or already in the engine
)

// Image is one image that is available now.
type Image struct {
	Name   string        // "node", "otp-build", "otp-run", "agent", or the name in the manifests
	Ref    string        // reference for kind's configuration or a pod's spec
	ID     string        // digest of the image's configuration, "sha256:…"; a pod's status shows it for Ref
	Tar    string        // archive to load into nodes; "" for the node and base images, which are in the engine
	Source string        // Pulled, Built or Cached
	Origin string        // Pulled or Built, also for an image that is Cached now; "" for an image of the user
	From   []string      // for an application: the images it was built on, "reference id"
	Took   time.Duration // how long it took in this run

	Kubernetes string // version that a node image has, "v1.37.2"
}

// App is one image of a profile, with what is needed to build it.
type App struct {
	profile.Image
	Dir     string // Build and Archive are relative to this folder (the profile's)
	OTP     string // Erlang/OTP release of the bases; "": the pinned default
	LogFile string // file for the build's output; "": in the cache only
}

// Maker makes images. It is safe for concurrent use, and several processes may use the same cache: each entry has a lock.
type Maker struct {
	Engine   *engine.Engine
	Cache    string           // see CacheDir
	Root     string           // see FindRoot
	Versions scripts.Versions // see scripts.Load
	Install  bool             // allows apt-get to install a builder's packages
	Log      func(string)     // gets progress messages, one line each, from several goroutines; nil: none

	answerTimeout time.Duration // for tests: answerBudget
}

func (m *Maker) log(line string) {
	if m.Log != nil {
		m.Log(line)
	}
}

// record describes a cache entry, in its file image.json.
type record struct {
	Kind   string    `json:"kind"` // only the newest entries of a kind are kept
	Ref    string    `json:"ref"`
	ID     string    `json:"id"`
	Tar    string    `json:"tar,omitempty"` // file name in the entry
	Origin string    `json:"origin"`
	From   []string  `json:"from,omitempty"`
	Made   time.Time `json:"made"`

	Run *record `json:"run,omitempty"` // the run base, in the record of the build base

	existed bool // the image was in the engine before
}

// image is the Image of a record.
func (r record) image(name string, e entry, source string, since time.Time) Image {
	im := Image{Name: name, Ref: r.Ref, ID: r.ID, Source: source, Origin: r.Origin, From: r.From, Took: time.Since(since)}
	if r.Tar != "" {
		im.Tar = e.path(r.Tar)
	}
	return im
}
