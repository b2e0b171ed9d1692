// Package run is the one path from a plan to a report, behind both doors: environment, workloads, recorded scenarios,
// judgement, and the removal of what was made.
//
// In: options and workloads. Out: a report, and for a door that shows results as they come, each scenario's results when it is
// judged. What has a package of its own under this one (environment, injection, artifacts) knows nothing of the run;
// killmatrix stands on it.
package run

import (
	"math/rand/v2"
	"path/filepath"

	"meshproof.dev/meshproof/e2e/bundle"
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/rights"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// Options are what a user can say about a run. The zero value of each means what its comment says.
type Options struct {
	environment.Options

	Pods      int             // how many pods may run at the same time; 0 derived from CPU and memory
	Repeat    int             // a soak: how often each workload is run, or its scenarios ([Options.OneMesh]); 0 once, and that is no soak
	Seed      int64           // decides which pod is disturbed; 0 by chance
	Out       string          // folder of the results; "" reports/out of the checkout in which it runs, or ./meshproof-results
	Scenarios []scenario.Name // those that are recorded beside formation; nil the default set
	Checks    []check.Check   // those that are judged; nil all
	Args      []string        // for the report

	// AcceptUnseen accepts what is unknown only because the cluster refuses our agents, but for the mesh itself.
	AcceptUnseen bool

	// ShouldRetry says why a workload has to be recorded a second time, alone; "" where it need not. Nil: none.
	ShouldRetry func(reports.Profile) (why string)
}

// complete fills in what was left out.
func (o *Options) complete() error {
	o.Complete()
	if o.Checks == nil {
		o.Checks = rules.All()
	}
	if o.Seed == 0 {
		o.Seed = rand.Int64N(1 << 31)
	}
	asked := *o
	o.Changes = asked.changes
	if o.Out == "" {
		var err error
		o.Out, err = resultsFolder()
		return err
	}
	return nil
}

// OneMesh reports whether what is repeated is repeated with one mesh: each workload is deployed once, and the scenarios that were named
// are recorded again and again. It is so where only such were named as a mesh recovers from; else each repetition begins anew.
func (o *Options) OneMesh() bool { return o.Repeat > 0 && scenario.Repeatable(o.Scenarios) }

// resultsFolder is where results are written: in the checkout in which the program runs, or else below the working directory.
func resultsFolder() (string, error) {
	if root, err := image.Around(); err == nil && !bundle.Present() {
		return filepath.Join(root, "reports", "out"), nil
	}
	return filepath.Abs("meshproof-results")
}

// plan decides which scenarios of the workload are recorded: those that the selected checks are judged on, of those that are asked
// for by its mutant, else by the user, else by its profile.
func (o *Options) plan(w *workload.Workload) scenario.Plan {
	p := scenario.Plan{Profile: w.Resolved, Named: o.Scenarios}
	if o.Context == "" {
		p.Nodes = max(1, o.Nodes)
	}
	if len(p.Named) == 0 {
		p.Named = names(w.Resolved.Scenarios)
	}
	for _, c := range o.Checks {
		p.Judged = append(p.Judged, c.Scenarios()...)
	}
	if len(w.Scenarios) > 0 {
		p.Named = names(w.Scenarios)
	}
	return p
}

// changes are those of the workload's scenarios.
func (o *Options) changes(w *workload.Workload) (c environment.Changes) {
	for _, s := range o.plan(w).Scenarios() {
		if s.More > 0 {
			c.Scaled = w.Resolved.Scalable().Kind + "/" + w.Resolved.Scalable().Name
		}
		c.Cookie = c.Cookie || s.Cookie
	}
	return c
}

// Rights are what the user must be allowed to do for a run of the workloads.
func (o *Options) Rights(ws []*workload.Workload) (rights.Plan, error) {
	err := o.complete()
	return o.Options.Rights(ws), err
}

func names(all []string) (named []scenario.Name) {
	for _, name := range all {
		named = append(named, scenario.Name(name))
	}
	return named
}

// Fixtures is the folder of our own profiles and mutants.
func Fixtures() (string, error) {
	root, err := image.FindRoot()
	return filepath.Join(root, "fixtures"), err
}
