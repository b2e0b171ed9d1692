package run

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"

	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/version"
	"meshproof.dev/meshproof/reports"
)

// provenance is what is known of a run before it begins.
func provenance(o *Options) reports.Provenance {
	of, _ := version.Get() // a report says what is known
	p := reports.Provenance{Go: of.Go, Kind: of.Kind, Machine: fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Seed: o.Seed, Args: o.Args, Nodes: o.Nodes, Meshproof: of.Meshproof, Commit: of.Commit}
	p.Target, p.Context = o.Target()
	if p.Args == nil {
		p.Args = os.Args[1:]
	}
	return p
}

// describe adds what the environment is made of.
func describe(p *reports.Provenance, e *environment.Environment) {
	if e.Engine != nil {
		p.Engine = e.Engine.String()
	}
	if c := e.Cluster; c != nil {
		p.Kubernetes, p.NodeImage, p.Nodes = c.Provenance.Kubernetes, c.Provenance.NodeImage, len(c.Nodes)
		p.Images = append(p.Images, reports.Image{Name: "node", Ref: c.Provenance.NodeImage, ID: c.Provenance.NodeImageID, Source: e.Node.Source})
	}
	p.Images = append(p.Images, reports.Image{Name: "agent", Ref: e.Agent.Ref, ID: e.Agent.ID, Source: e.Agent.Source})
	for _, a := range e.Apps() {
		p.Images = append(p.Images, reports.Image{Name: a.Name, Ref: a.Ref, ID: a.ID, Source: a.Source})
	}
	slices.SortFunc(p.Images, func(a, b reports.Image) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref)) })
}
