package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports/picture"
)

// Read reads a report.json.
func Read(from io.Reader) (*Run, error) {
	var r Run
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		return nil, fmt.Errorf("it is no report.json: %w", err)
	}
	if r.APIVersion != Version {
		return nil, fmt.Errorf("its apiVersion is %q, and this program reads %s", r.APIVersion, Version)
	}
	return &r, nil
}

// Kind is what became of a check or a phase from one report to another.
type Kind string

// The kinds of changes. The first three are regressions. Unseen is what passed, and is unknown now; Seen is what was unknown, and
// passes.
const (
	NewFailure Kind = "new failure"
	NewTrouble Kind = "new trouble" // the run itself ended early, or left something behind
	Slower     Kind = "slower"
	Unseen     Kind = "not seen"
	Fixed      Kind = "fixed"
	Seen       Kind = "seen again"
	Faster     Kind = "faster"
	Changed    Kind = "changed" // any other verdict than before
	Missing    Kind = "missing" // judged before, and not now
	New        Kind = "new"     // not judged before
)

var kinds = []Kind{NewFailure, NewTrouble, Slower, Unseen, Fixed, Seen, Faster, Changed, Missing, New}

// Regression reports whether it is worse than before, so that a pipeline has to stop.
func (k Kind) Regression() bool { return k == NewFailure || k == NewTrouble || k == Slower }

// Change is what differs in one check, or in one phase.
type Change struct {
	Kind     Kind          `json:"kind"`
	Workload string        `json:"workload,omitempty"`
	Check    string        `json:"check,omitempty"`
	Scenario string        `json:"scenario,omitempty"` // of a phase, and of a check that is judged on several
	Phase    string        `json:"phase,omitempty"`
	From     judge.Verdict `json:"from,omitempty"`
	To       judge.Verdict `json:"to,omitempty"`
	Before   time.Duration `json:"before,omitempty"` // how long it took, ns
	After    time.Duration `json:"after,omitempty"`
	Message  string        `json:"message,omitempty"`
	Remedy   string        `json:"remedy,omitempty"`
}

// Diff is what differs between two reports.
type Diff struct {
	A           Side     `json:"a"`
	B           Side     `json:"b"`
	Regressions int      `json:"regressions"`
	Changes     []Change `json:"changes"` // the worst first; of one kind in the order of the ladder
}

// Side is one of the two reports.
type Side struct {
	Report  string    `json:"report"` // as it was named
	Started time.Time `json:"started"`
	Exit    Exit      `json:"exit"`
	Counts  Counts    `json:"counts"`
}

// Compare says what became of a's checks and phases in b.
func Compare(a, b *Run) *Diff {
	d := &Diff{A: Side{Started: a.Started, Exit: a.Exit, Counts: a.Counts}, B: Side{Started: b.Started, Exit: b.Exit, Counts: b.Counts}, Changes: []Change{}}
	if b.Trouble != "" && a.Trouble == "" {
		d.add(Change{Kind: NewTrouble, Message: b.Exit.Word + ": " + firstLine(b.Trouble)})
	}
	if len(b.Leftovers) > 0 && len(a.Leftovers) == 0 {
		d.add(Change{Kind: NewTrouble, Message: named(b.Leftovers)})
	}
	was, is := byName(a.Profiles), byName(b.Profiles)
	for _, name := range sortedBy(a.Profiles, b.Profiles) {
		p, q := was[name], is[name]
		switch {
		case q == nil:
			d.add(Change{Kind: Missing, Workload: name, Message: "the workload"})
		case p == nil:
			d.add(Change{Kind: New, Workload: name, Message: "the workload"})
			d.checks(name, &Profile{}, q)
		default:
			d.checks(name, p, q)
			d.phases(name, p, q)
		}
	}
	slices.SortStableFunc(d.Changes, func(x, y Change) int { return slices.Index(kinds, x.Kind) - slices.Index(kinds, y.Kind) })
	return d
}

func (d *Diff) add(c Change) {
	if c.Kind.Regression() {
		d.Regressions++
	}
	d.Changes = append(d.Changes, c)
}

// byName finds profiles by their title; of several with one title the first has it alone, and the others a number.
func byName(all []Profile) map[string]*Profile {
	by := map[string]*Profile{}
	for i := range all {
		name := title(all[i])
		for n := 2; by[name] != nil; n++ {
			name = fmt.Sprintf("%s (%d)", title(all[i]), n)
		}
		by[name] = &all[i]
	}
	return by
}

// sortedBy are the names of both, in the order of the first.
func sortedBy(lists ...[]Profile) []string {
	var names []string
	for _, all := range lists {
		of := byName(all)
		for i := range all {
			for name, p := range of {
				if p == &all[i] && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func (d *Diff) checks(name string, p, q *Profile) {
	type key struct{ id, scenario string }
	was := map[key]judge.Result{}
	times := map[string]int{}
	for _, all := range [][]judge.Result{p.Results, q.Results} {
		seen := map[string]int{}
		for _, r := range all {
			seen[r.ID]++
			times[r.ID] = max(times[r.ID], seen[r.ID])
		}
	}
	// A check that is judged on one scenario only is the same one whichever that is; else it is named with the scenario.
	keyOf := func(r judge.Result) key {
		if times[r.ID] < 2 {
			return key{id: r.ID}
		}
		return key{r.ID, string(r.Scenario)}
	}
	for _, r := range p.Results {
		was[keyOf(r)] = r
	}
	for _, r := range q.Results {
		k := keyOf(r)
		before, there := was[k]
		delete(was, k)
		c := Change{Workload: name, Check: r.ID, Scenario: k.scenario, From: before.Verdict, To: r.Verdict, Kind: kindOf(before.Verdict, r.Verdict)}
		switch {
		case r.Verdict == judge.Pass && before.Verdict == judge.Pass && !watched[r.ID]:
			if c.Kind = pace(before.Took, r.Took); c.Kind != "" {
				c.Before, c.After = before.Took, r.Took
				d.add(c)
			}
		case c.Kind != "" && (there || c.Kind == NewFailure || len(p.Results) > 0):
			c.Message, c.Remedy = inLine(r.Message), remedyOf(r)
			d.add(c)
		}
	}
	for _, r := range p.Results {
		if _, left := was[keyOf(r)]; left {
			d.add(Change{Kind: Missing, Workload: name, Check: r.ID, Scenario: keyOf(r).scenario, From: r.Verdict})
		}
	}
}

func remedyOf(r judge.Result) string {
	for _, s := range r.Subjects {
		if s.Verdict == r.Verdict && s.Remedy != "" {
			return s.Remedy
		}
	}
	return ""
}

// kindOf is the kind of a change of the verdict, "" for none. What is or was blocked follows from a failure, which is named.
func kindOf(from, to judge.Verdict) Kind {
	switch {
	case from == to:
		return ""
	case to == judge.Fail:
		return NewFailure
	case from == "":
		return New
	case from == judge.Fail && to == judge.Pass:
		return Fixed
	case from == judge.Pass && to == judge.Unknown:
		return Unseen
	case from == judge.Unknown && to == judge.Pass:
		return Seen
	case to == judge.Blocked || from == judge.Blocked:
		return ""
	}
	return Changed
}

// watched are the checks whose time says how long something was watched, or how warm the machine's cache was: longer is not worse.
var watched = map[string]bool{"mesh/stable": true, "recovery/survivors-keep-links": true, "rollout/keeps-links": true, "image/available": true}

// A time is another one when it differs by more than half and by more than two seconds: less is noise.
const noise = 2 * time.Second

// pace compares two times; a time of 0 was not measured.
func pace(before, after time.Duration) Kind {
	longer := func(x, y time.Duration) bool { return y-x > noise && y-x > x/2 }
	switch {
	case before == 0 && after == 0:
		return ""
	case longer(before, after):
		return Slower
	case longer(after, before):
		return Faster
	}
	return ""
}

// phases compares those of the same scenario and name, of several pods the slowest. One that had not ended in b took at least as long as it was watched; one that
// had not ended in a says nothing.
func (d *Diff) phases(name string, p, q *Profile) {
	type key struct{ scenario, phase string }
	was := map[key]picture.Group{}
	for _, pic := range p.Pictures {
		for _, ph := range picture.Grouped(pic.Phases) {
			was[key{string(pic.Scenario), ph.Name}] = ph
		}
	}
	for _, pic := range q.Pictures {
		for _, ph := range picture.Grouped(pic.Phases) {
			before, there := was[key{string(pic.Scenario), ph.Name}]
			if !there || !before.Known() || ph.Unseen != "" {
				continue
			}
			c := Change{Workload: name, Scenario: string(pic.Scenario), Phase: ph.Name, Before: before.Took(), After: ph.Took(), Kind: pace(before.Took(), ph.Took())}
			if ph.Open {
				if c.Message = "it had not ended when the recording did"; c.Kind != Slower {
					c.Kind = Unseen
				}
			}
			if c.Kind != "" {
				d.add(c)
			}
		}
	}
}

// Text writes the difference for people: a line for each change, and how many are regressions.
func (d *Diff) Text(to io.Writer) {
	w := plain{to}
	for _, s := range []struct {
		letter string
		Side
	}{{"A", d.A}, {"B", d.B}} {
		fmt.Fprintf(w, "%s  %s   %s   exit: %d %s   %s\n", s.letter, s.Report, s.Started.UTC().Format("2006-01-02 15:04 MST"), s.Exit.Code, s.Exit.Word, s.Counts)
	}
	fmt.Fprintln(w)
	n := map[Kind]int{}
	for _, c := range d.Changes {
		n[c.Kind]++
		fmt.Fprintf(w, "%-12s %s\n", c.Kind, c.line())
		if c.Remedy != "" && c.Kind == NewFailure {
			fmt.Fprintf(w, "%-12s remedy: %s\n", "", c.Remedy)
		}
	}
	if len(d.Changes) == 0 {
		fmt.Fprintln(w, "nothing differs")
	}
	var parts []string
	for _, k := range kinds {
		if n[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
		}
	}
	fmt.Fprintf(w, "\n%s", count(d.Regressions, "regression"))
	if len(parts) > 0 {
		fmt.Fprintf(w, ": %s", strings.Join(parts, ", "))
	}
	fmt.Fprintln(w)
}

// line is a change in one line.
func (c Change) line() string {
	var b strings.Builder
	if c.Workload != "" {
		b.WriteString(c.Workload + ": ")
	}
	switch {
	case c.Phase != "":
		b.WriteString(c.Scenario + ", " + c.Phase)
	case c.Scenario != "":
		b.WriteString(c.Check + " (" + c.Scenario + ")")
	default:
		b.WriteString(c.Check)
	}
	switch {
	case c.Kind == Slower || c.Kind == Faster:
		fmt.Fprintf(&b, "  %.1f s -> %.1f s", c.Before.Seconds(), c.After.Seconds())
	case c.From != "" && c.To != "":
		fmt.Fprintf(&b, "  %s -> %s", c.From, c.To)
	}
	if c.Message != "" {
		if c.Check != "" || c.Phase != "" {
			b.WriteString("  ")
		}
		b.WriteString(c.Message)
	}
	return b.String()
}
