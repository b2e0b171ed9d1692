package run

import (
	"context"
	"fmt"
	"sort"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// KillMatrix records every mutant, every mutant with its one condition reversed and every base profile, all on one
// cluster, and compares what turned red with what had to.
func KillMatrix(ctx context.Context, o Options, fixtures string) (*reports.Matrix, error) {
	mutants := map[string]*profile.Mutant{}
	var ws []*workload.Workload
	bases := map[string]bool{}
	for _, name := range workload.Names(fixtures, "mutants") {
		m, broken, reversed, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			return nil, err
		}
		mutants[broken.Resolved.Mutant] = m
		bases[m.Spec.Base] = true
		ws = append(ws, broken)
		if reversed != nil {
			ws = append(ws, reversed)
		}
	}
	if len(mutants) == 0 {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("no mutant under %s/mutants", fixtures))
	}
	var names []string
	for b := range bases {
		names = append(names, b)
	}
	sort.Strings(names)
	for _, b := range names {
		w, err := workload.Load(fixtures, b)
		if err != nil {
			return nil, err
		}
		ws = append(ws, w)
	}
	r, dir, err := Run(ctx, o, ws)
	if err != nil {
		return nil, err
	}
	m := &reports.Matrix{Run: r, Dir: dir}
	for _, p := range r.Profiles {
		m.Rows = append(m.Rows, row(p, mutants[p.Mutant]))
	}
	m.Close(time.Now())
	return m, reports.WriteMatrix(dir, m)
}

// row compares a judgement with what was to be expected of it. want is nil for what must be all green.
func row(p reports.Profile, want *profile.Mutant) reports.Row {
	r := reports.Row{Profile: p}
	for _, res := range p.Results {
		switch res.Verdict {
		case judge.Fail:
			r.Red = append(r.Red, res.ID+" ("+res.Code+")")
		case judge.Unknown:
			r.Unknown = append(r.Unknown, res.ID)
		}
	}
	if want != nil {
		r.Want = want.Spec.Expect.Check + " (" + want.Spec.Expect.Diagnosis + ")"
	}
	return r
}
