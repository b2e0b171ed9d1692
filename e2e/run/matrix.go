package run

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// KillMatrix records every mutant, every mutant with its one condition reversed and every base profile, all on one
// cluster, and compares what turned red with what had to. A row that is wrong for nothing but what was not seen is recorded a
// second time, alone, and says so. only names the mutants that are wanted; without it all are.
func KillMatrix(ctx context.Context, o Options, fixtures string, only ...string) (*reports.Matrix, error) {
	ws, err := matrixWorkloads(fixtures, only)
	if err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	mutants := map[string]*profile.Mutant{}
	for _, w := range ws {
		mutants[w.Resolved.Mutant] = w.Mutant
	}
	o.again = func(p reports.Profile) string {
		r := row(p, mutants[p.Mutant])
		return r.Unseen()
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

// matrixWorkloads loads the mutants, those of them that have a reverse of their own, and the base profiles.
func matrixWorkloads(fixtures string, only []string) ([]*workload.Workload, error) {
	all := workload.Names(fixtures, "mutants")
	for _, name := range only {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no mutant %q: there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(only) > 0 {
		all = only
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no mutant under %s/mutants", fixtures)
	}
	var ws []*workload.Workload
	bases, reverses := map[string]bool{}, map[string]bool{}
	for _, name := range all {
		m, broken, reversed, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			return nil, err
		}
		bases[m.Spec.Base] = true
		ws = append(ws, broken)
		if reversed != nil && !reverses[reversed.Name()] {
			reverses[reversed.Name()] = true
			ws = append(ws, reversed)
		}
	}
	names := make([]string, 0, len(bases))
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
	return ws, nil
}

// row compares a judgement with what was to be expected of it. want is nil for what must be all green.
func row(p reports.Profile, want *profile.Mutant) reports.Row {
	r := reports.Row{Profile: p}
	for _, res := range p.Results {
		switch res.Verdict {
		case judge.Fail:
			r.Red = append(r.Red, profile.Expect{Check: res.ID, Diagnosis: res.Code}.String())
		case judge.Unknown:
			r.Unknown = append(r.Unknown, res.ID)
		}
	}
	if want != nil {
		for _, e := range want.Spec.Expect {
			r.Want = append(r.Want, e.String())
		}
		r.WantUnknown = want.Spec.Unknown
	}
	return r
}
