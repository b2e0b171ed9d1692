// Package killmatrix proves that the checks can fail: it runs every mutant, and compares what turned red with what had to.
//
// In: fixtures and the options of a run. Out: a matrix with one row for each workload, written beside the run's report. It
// compares verdicts and gives none.
package killmatrix

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// Run records every mutant, every mutant with its one condition reversed and every base profile, all on one
// cluster, and compares what turned red with what had to. A row that is wrong for nothing but what was not seen is recorded a
// second time, alone, and says so. only names the mutants that are wanted; without it all are.
func Run(ctx context.Context, o run.Options, fixtures string, only ...string) (*reports.Matrix, error) {
	ws, reverses, others, err := workloads(fixtures, cmp.Or(string(o.IP), "4"), only)
	if err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	if len(others) > 0 && o.Log != nil {
		o.Log("left out, because the cluster has other addresses than they need: " + strings.Join(others, ", "))
	}
	mutants := map[string]*profile.Mutant{}
	for _, w := range ws {
		mutants[w.Resolved.Mutant] = w.Mutant
	}
	o.ShouldRetry = func(p reports.Profile) string {
		r := row(p, mutants[p.Mutant])
		return r.Unseen()
	}
	r, dir, err := run.Run(ctx, o, ws)
	if err != nil {
		return nil, err
	}
	m := &reports.Matrix{Run: r, Dir: dir}
	for _, p := range r.Profiles {
		w := row(p, mutants[p.Mutant])
		w.Reverse = reverses[p.Mutant]
		m.Rows = append(m.Rows, w)
	}
	m.Close(time.Now())
	return m, reports.WriteMatrix(dir, m)
}

// workloads loads the mutants, their reverses and the base profiles. Mutants whose reverses are identical share one.
// reverse names the workload that is each mutant with its one condition reversed. Mutants for a cluster with addresses of another family
// are not loaded; others names them, each with the family.
func workloads(fixtures, family string, only []string) (ws []*workload.Workload, reverse map[string]string, others []string, err error) {
	all := workload.Names(fixtures, "mutants")
	for _, name := range only {
		if !slices.Contains(all, name) {
			return nil, nil, nil, fmt.Errorf("no mutant %q: there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(only) > 0 {
		all = only
	}
	if len(all) == 0 {
		return nil, nil, nil, fmt.Errorf("no mutant under %s/mutants", fixtures)
	}
	reverse = map[string]string{}
	bases, reverses := map[string]bool{}, map[string]*workload.Workload{}
	for _, name := range all {
		m, broken, reversed, err := workload.LoadMutant(fixtures, name)
		if err != nil {
			return nil, nil, nil, err
		}
		if m.Spec.IP != "" && m.Spec.IP != family {
			others = append(others, fmt.Sprintf("%s (IP=%s)", name, m.Spec.IP))
			continue
		}
		if family == "6" && slices.ContainsFunc(m.Spec.Injections, profile.Injection.Packets) {
			others = append(others, name+" (IP=4: network faults are of IPv4 only)")
			continue
		}
		bases[m.Spec.Base] = true
		ws = append(ws, broken)
		if reversed == nil {
			if !m.Spec.Healthy {
				reverse[name] = m.Spec.Base
			}
			continue
		}
		what, err := fingerprint(reversed)
		if err != nil {
			return nil, nil, nil, err
		}
		if reverses[what] == nil {
			if slices.ContainsFunc(ws, func(w *workload.Workload) bool { return w.Name() == reversed.Name() }) {
				reversed.Resolved.Mutant = name + ", reversed" // its recordings have its name
			}
			reverses[what] = reversed
			ws = append(ws, reversed)
		}
		reverse[name] = reverses[what].Name()
	}
	names := make([]string, 0, len(bases))
	for b := range bases {
		names = append(names, b)
	}
	sort.Strings(names)
	for _, b := range names {
		w, err := workload.Load(fixtures, b)
		if err != nil {
			return nil, nil, nil, err
		}
		ws = append(ws, w)
	}
	if len(ws) == 0 {
		return nil, nil, nil, fmt.Errorf("no mutant is left for a cluster with addresses of family %s: %s", family, strings.Join(others, ", "))
	}
	return ws, reverse, others, nil
}

// fingerprint is all that decides what a run sees of a workload, but for its name.
func fingerprint(w *workload.Workload) (string, error) {
	objects, err := w.Render("", nil)
	if err != nil {
		return "", err
	}
	y, err := objects.YAML()
	r := *w.Resolved
	r.Mutant = ""
	return fmt.Sprintf("%+v %s %s", r, w.Scenarios, y), err
}

// row sets what a judgement says beside what is expected of it. want is nil for what must be all green.
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
