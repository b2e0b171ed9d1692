// Package image makes the container images of a run available: the kind node, the Erlang bases, the application,
// the agent. What can be pulled is pulled, by digest; what cannot is built from the Go module proxy and Debian's
// archive by the Makefiles under scripts/; the agent is assembled in-process. Each image is made once per state
// of its inputs and then found in the user's cache.
//
// In: a checkout, a container engine, the pins of scripts/versions.env, the images a profile names. Out: for each
// image a reference, the digest of its configuration and, for what must be loaded into nodes, an archive. Errors
// carry exit codes: 1 for an application that does not build, 69 for a machine without disk or packages, 64 for
// a path that is not there; what carries none is our own fault (70). Progress goes to Maker.Log only.
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
	Cached = "cached" // made by an earlier run, or lay in the engine already
)

// Image is one image that is available now.
type Image struct {
	Name   string        // what was asked for: "node", "otp-build", "otp-run", "agent", or the name in the manifests
	Ref    string        // what kind's configuration or a pod's spec has to name
	ID     string        // digest of the image's configuration, "sha256:…"; what a pod's status shows for Ref
	Tar    string        // archive to load into nodes; empty for the node and base images, which lie in the engine
	Source string        // Pulled, Built or Cached
	Origin string        // Pulled or Built: how it came to be before it was Cached; empty for an image the user made
	From   []string      // for an application: the images it was built on, "reference id"
	Took   time.Duration // how long it took this time
}

// App is one image of a profile and what is needed to make it.
type App struct {
	profile.Image
	Dir     string // folder that Build and Archive are relative to (the profile's own)
	OTP     string // Erlang/OTP release of the bases; empty: the pinned default
	LogFile string // gets the build's output; empty: kept in the cache only
}

// Maker makes images. It may be used by several goroutines at once, and several processes may work on the same
// cache: each entry has its lock.
type Maker struct {
	Engine   *engine.Engine
	Cache    string           // as from CacheDir
	Root     string           // as from FindRoot
	Versions scripts.Versions // as from scripts.Load
	Install  bool             // apt may install what a builder needs
	Log      func(string)     // gets progress, one line each, from several goroutines; nil: nothing is said

	answer time.Duration // for tests: answerBudget
}

func (m *Maker) log(line string) {
	if m.Log != nil {
		m.Log(line)
	}
}

// record is what a cache entry says of itself, in its file image.json.
type record struct {
	Kind   string    `json:"kind"` // entries of one kind replace each other
	Ref    string    `json:"ref"`
	ID     string    `json:"id"`
	Tar    string    `json:"tar,omitempty"` // file name in the entry
	Origin string    `json:"origin"`
	From   []string  `json:"from,omitempty"`
	Made   time.Time `json:"made"`

	Run *record `json:"run,omitempty"` // of the bases: the one to run in, beside the one to build in

	found bool // was not made just now: it lay in the engine
}

// image is the record as the caller sees it. source overrides the origin when the entry was there before.
func (r record) image(name string, e entry, source string, since time.Time) Image {
	im := Image{Name: name, Ref: r.Ref, ID: r.ID, Source: source, Origin: r.Origin, From: r.From, Took: time.Since(since)}
	if r.Tar != "" {
		im.Tar = e.path(r.Tar)
	}
	return im
}
