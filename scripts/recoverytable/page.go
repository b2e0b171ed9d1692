package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
	"meshproof.dev/meshproof/reports/picture"
)

// result is what one cell came to, as its file has it.
type result struct {
	cell
	N          int                 `json:"n"`
	Green      int                 `json:"green"`
	Red        int                 `json:"red,omitempty"`
	Unknown    int                 `json:"unknown,omitempty"`
	Broken     int                 `json:"broken,omitempty"`
	Command    string              `json:"command"`
	Machine    string              `json:"machine"`
	Date       time.Time           `json:"date"`
	Took       string              `json:"took"`
	Revision   string              `json:"revision"` // of meshproof
	OTP        []string            `json:"otp,omitempty"`
	Kubernetes string              `json:"kubernetes,omitempty"`
	Seed       int64               `json:"seed"`
	Phases     []reports.SoakPhase `json:"phases"`
}

// resultOf reads the results of a run in dir. The phases are those of its recordings, so that what is learnt later counts for old ones.
func resultOf(c cell, dir string, began time.Time) (*result, error) {
	f, err := os.Open(filepath.Join(dir, "report.json"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	run, err := reports.Read(f)
	if err != nil {
		return nil, err
	}
	if run.Started.Before(began) {
		return nil, errors.New("the run has written no report")
	}
	if run.Soak == nil || len(run.Soak.Profiles) != 1 {
		return nil, fmt.Errorf("nothing was repeated: %s", cmp.Or(run.Trouble, run.Exit.Word))
	}
	for i := range run.Profiles {
		p := &run.Profiles[i]
		p.Pictures = nil
		for _, file := range p.Recordings {
			v, err := view.Load(filepath.Join(dir, file))
			if err != nil {
				return nil, err
			}
			p.Pictures = append(p.Pictures, picture.Short(v))
		}
	}
	p, from := reports.NewSoak(run.Profiles, nil).Profiles[0], run.Provenance
	c.Want = 0
	r := &result{cell: c, Took: run.Ended.Sub(run.Started).Round(time.Second).String(), N: p.Green + p.Red + p.Unknown, Green: p.Green, Red: p.Red, Unknown: p.Unknown, Broken: p.Broken,
		Command: c.command(), Machine: from.Machine, Date: run.Started.UTC().Truncate(time.Second), Revision: from.Meshproof, OTP: from.OTP, Kubernetes: from.Kubernetes, Seed: from.Seed}
	for _, ph := range p.Phases {
		if ph.Scenario != recording.Formation {
			r.Phases = append(r.Phases, ph)
		}
	}
	if r.N == 0 || len(r.Phases) == 0 {
		return nil, fmt.Errorf("no repetition was judged: %s", strings.Join(p.Trouble, "; "))
	}
	return r, nil
}

func (r *result) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.file()), append(b, '\n'), 0o644)
}

// read is the result of a cell; nil where it was not measured.
func read(dir string, c cell) (*result, error) {
	b, err := os.ReadFile(filepath.Join(dir, c.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r := &result{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", c.file(), err)
	}
	return r, nil
}

const head = `# How meshes recover, measured

This page is written by ` + "`make recovery-table`" + ` ([scripts/recoverytable](../scripts/recoverytable/main.go)) from the files in [recovery](recovery);
what is said here of a phase is explained in [read-a-report.md](read-a-report.md#phases).

A scenario is repeated n times with one mesh of three nodes, on a kind cluster of one node. A time is the median, and in brackets the maximum, of the repetitions; in each repetition it is that of the
pod on which it took longest. *nodedown*, *nodeup* and *full again* are counted from what was done (of a fault that is healed, *nodeup* and *full again* from then on); *slowest* is the phase that took longest by itself. *Not green* are repetitions with a check that
failed or is unknown. Prevention is ` + "`prevent_overlapping_partitions`" + ` of OTP's kernel.
`

// writePage writes the page anew from the files in dir.
func writePage(dir, page string) error {
	var all []*result
	var missing []cell
	for _, c := range grid() {
		r, err := read(dir, c)
		switch {
		case err != nil:
			return err
		case r == nil:
			missing = append(missing, c)
		default:
			all = append(all, r)
		}
	}
	var b bytes.Buffer
	b.WriteString(head)
	table(&b, all)
	for _, r := range all {
		details(&b, r)
	}
	if len(missing) > 0 {
		b.WriteString("\n## Not run yet\n\n| | n | about | command |\n|---|--:|--:|---|\n")
		for _, c := range missing {
			fmt.Fprintf(&b, "| %s | %d | %s | `%s` |\n", c, c.Want, strings.TrimSuffix(c.lasts().String(), "0s"), c.command())
		}
	}
	return os.WriteFile(page, b.Bytes(), 0o644)
}

func table(b *bytes.Buffer, all []*result) {
	fmt.Fprint(b, "\n| profile | scenario | ticktime | prevention | n | not green | nodedown | nodeup | full again | p95 | slowest |\n|---|---|--:|---|--:|--:|--:|--:|--:|--:|---|\n")
	if len(all) == 0 {
		fmt.Fprint(b, "| (nothing was measured yet) | | | | | | | | | | |\n")
	}
	for _, r := range all {
		tick, prevention := "default", "default"
		if r.Ticktime > 0 {
			tick, prevention = fmt.Sprintf("%d s", r.Ticktime), r.Prevention
		}
		full, slowest, p95 := r.phase(profile.FullAgain), "", "-"
		if full != nil {
			p95 = seconds(full.P95)
		}
		for _, ph := range r.Phases {
			if ph.Slowest {
				slowest = fmt.Sprintf("%s, %s", ph.Phase, brackets(ph.Median, ph.Max))
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %d | %s | %s | %s | %s | %s |\n", r.Profile, r.Scenario, tick, prevention, r.N, r.N-r.Green,
			r.after(profile.NodeDown), r.after(profile.NodeUp), took(full), p95, slowest)
	}
}

func (r *result) phase(name string) *reports.SoakPhase {
	if i := slices.IndexFunc(r.Phases, func(p reports.SoakPhase) bool { return p.Phase == name }); i >= 0 {
		return &r.Phases[i]
	}
	return nil
}

// after is when the phase was over, counted from what was done.
func (r *result) after(name string) string {
	p := r.phase(name)
	switch {
	case p == nil || p.N == 0:
		return "-"
	case name == profile.NodeUp && r.phase(profile.Healed) != nil:
		return seconds(p.Median)
	}
	return seconds(p.At)
}

func took(p *reports.SoakPhase) string {
	if p == nil || p.N == 0 {
		return "-"
	}
	return brackets(p.Median, p.Max)
}

func brackets(median, most time.Duration) string {
	return fmt.Sprintf("%s (%s)", seconds(median), seconds(most))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// details are the phases of one cell, and how it was measured.
func details(b *bytes.Buffer, r *result) {
	fmt.Fprintf(b, "\n## %s\n\n", r.cell)
	fmt.Fprintf(b, "n = %d: %d green, %d red, %d unknown, %d broken. `%s`, %s, %s; OTP %s, Kubernetes %s, meshproof %s, %s.\n", r.N, r.Green, r.Red, r.Unknown, r.Broken,
		r.Command, r.Date.Format("2006-01-02 15:04 MST"), r.Took, strings.Join(r.OTP, ", "), r.Kubernetes, r.Revision, r.Machine)
	fmt.Fprint(b, "\n| phase | n | median | p95 | max | error | over after | budget | over budget |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range r.Phases {
		if p.N == 0 {
			fmt.Fprintf(b, "| %s | 0 | - | - | - | - | - | | |\n", p.Phase)
			continue
		}
		off, budget, over := "", "", ""
		if p.Error > 0 {
			off = fmt.Sprintf("± %d ms", (p.Error + time.Millisecond - 1).Milliseconds())
		}
		if p.Budget > 0 {
			budget, over = p.Budget.String(), fmt.Sprint(p.Over)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", p.Phase, p.N, seconds(p.Median), seconds(p.P95), seconds(p.Max), off, seconds(p.At), budget, over)
	}
}
