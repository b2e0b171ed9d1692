// Package run is the one path from a plan to a report, behind both doors: cluster, images, workloads, recorded
// scenarios, judgement, and the removal of what was made.
//
// In: options. Out: a report, and for a door that shows results as they come, each scenario's results when it is judged.
package run

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
	"meshproof.dev/meshproof/scripts"
)

// Options are what a user can say about a run. The zero value of each means what its comment says.
type Options struct {
	OTP        string // Erlang/OTP release of the application's image; "" the pinned one
	K8S        string // Kubernetes of the cluster we make; "" the pinned one
	Nodes      int    // of the cluster we make; 0 one
	Keep       bool   // leave the cluster to the next run
	Context    string // use this kubeconfig context and make no cluster
	Kubeconfig string // "" as kubectl finds it
	NoInstall  bool   // never install packages
	Engine     string // "docker" or "podman"; "" what works
	Pods       int    // how many pods may run at the same time; 0 what the machine bears
	Seed       int64  // decides which pod is deleted; 0 by chance
	Out        string // folder of the results; "" reports/out of the checkout

	Checks []check.Check // those that are judged; nil all
	Log    func(string)
	Args   []string // for the report

	again func(reports.Profile) string // why a workload has to be told a second time, alone; "" where it need not
}

// Scenarios are the stories that a run records, in order.
var Scenarios = []string{"formation", "recovery", "rollout", "console"}

// scenarios are those that the selected checks are judged on. The later ones begin with a formed mesh, so they bring
// formation.
func (o *Options) scenarios() map[string]bool {
	wanted := map[string]bool{}
	for _, c := range o.Checks {
		wanted[c.Scenario] = true
	}
	if len(wanted) > 0 {
		wanted["formation"] = true
	}
	return wanted
}

// complete fills in what was left out.
func (o *Options) complete() error {
	if o.Checks == nil {
		o.Checks = rules.All()
	}
	if o.Seed == 0 {
		o.Seed = rand.Int64N(1 << 31)
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.again == nil {
		o.again = func(reports.Profile) string { return "" }
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Out == "" {
		root, err := image.FindRoot()
		if err != nil {
			return err
		}
		o.Out = filepath.Join(root, "reports", "out")
	}
	return nil
}

// Fixtures is the folder of the checkout's own profiles and mutants.
func Fixtures() (string, error) {
	root, err := image.FindRoot()
	return filepath.Join(root, "fixtures"), err
}

// NoInstallFromEnv reads INSTALL, which is 0 where no package may be installed.
func NoInstallFromEnv() bool { return os.Getenv("INSTALL") == "0" }

// maker prepares the image package.
func (o *Options) maker(log func(string)) (*image.Maker, error) {
	root, err := image.FindRoot()
	if err != nil {
		return nil, err
	}
	cache, err := image.CacheDir()
	if err != nil {
		return nil, err
	}
	v, err := scripts.Load()
	if err != nil {
		return nil, err
	}
	return &image.Maker{Cache: cache, Root: root, Versions: v, Install: !o.NoInstall, Log: log}, nil
}

// appImages are the images that a run of these workloads has to make available, each once.
func appImages(ws []*workload.Workload, otp string) []image.App {
	var all []image.App
	seen := map[string]bool{}
	for _, w := range ws {
		for _, im := range w.Profile.Spec.Images {
			if key := imageKey(w.Dir, im); !seen[key] {
				seen[key] = true
				all = append(all, image.App{Image: im, Dir: w.Dir, OTP: cmp.Or(im.OTP, otp)})
			}
		}
	}
	return all
}

// imageKey tells images of a run apart: two profiles may call different ones by the same name. A folder that is built is the same
// wherever its profile lies.
func imageKey(dir string, im profile.Image) string {
	for _, path := range []*string{&im.Build, &im.Archive} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return fmt.Sprintf("%+v", im)
}
