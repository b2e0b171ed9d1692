package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports/picture"
)

// SoakPhase is how long one phase of a scenario took in the runs of a profile: in each run on the pod on which it took longest.
type SoakPhase struct {
	Scenario recording.Scenario `json:"scenario"`
	Phase    string             `json:"phase"`
	N        int                `json:"n"` // runs in which it is known how long it took
	Median   time.Duration      `json:"median"`
	P95      time.Duration      `json:"p95"`
	Max      time.Duration      `json:"max"`
	At       time.Duration      `json:"at"`                // when it was over, counted from what was done: the median
	Error    time.Duration      `json:"error,omitempty"`   // in no run it is known less exactly, either way
	Budget   time.Duration      `json:"budget,omitempty"`  // how long it may take, where the profile limits it
	Over     int                `json:"over,omitempty"`    // runs in which it took longer than that, by more than the error
	Unknown  int                `json:"unknown,omitempty"` // runs in which it did not end, or was not seen
	Slowest  bool               `json:"slowest,omitempty"` // it has the longest median of the scenario's phases, but for those that are sums
}

// phaseRuns are the times of one phase in all runs.
type phaseRuns struct {
	SoakPhase
	took, at []time.Duration
}

// phasesOf are the phases of the runs of one profile.
func phasesOf(runs []Profile) []SoakPhase {
	var all []*phaseRuns
	for _, p := range runs {
		for _, pic := range p.Pictures {
			groups := picture.Grouped(pic.Phases)
			act := pic.End
			for _, g := range groups {
				act = min(act, g.From)
			}
			for _, g := range groups {
				g.Error = leastExact(pic.Phases, g.Name)
				i := slices.IndexFunc(all, func(x *phaseRuns) bool { return x.Scenario == pic.Scenario && x.Phase == g.Name })
				if i < 0 {
					i = len(all)
					all = append(all, &phaseRuns{SoakPhase: SoakPhase{Scenario: pic.Scenario, Phase: g.Name}})
				}
				all[i].add(g, act)
			}
		}
	}
	return sumUp(all)
}

// leastExact is the error of the pod on which the phase is known least exactly.
func leastExact(all []picture.Phase, name string) (off time.Duration) {
	for _, p := range all {
		if p.Name == name {
			off = max(off, p.Error)
		}
	}
	return off
}

// add adds the phase of a run in which something was done at act.
func (x *phaseRuns) add(g picture.Group, act time.Duration) {
	x.Budget = g.Budget
	if !g.Known() {
		x.Unknown++
		return
	}
	x.took, x.at, x.Error = append(x.took, g.Took()), append(x.at, g.To-act), max(x.Error, g.Error)
	if g.Budget > 0 && g.Took()-g.Error > g.Budget {
		x.Over++
	}
}

// sumUp makes the numbers of all runs, and finds the slowest phase of each scenario.
func sumUp(runs []*phaseRuns) (all []SoakPhase) {
	slowest := map[recording.Scenario]int{}
	for i, x := range runs {
		x.N, x.Median, x.P95, x.Max, x.At = len(x.took), quantile(x.took, 50), quantile(x.took, 95), quantile(x.took, 100), quantile(x.at, 50)
		all = append(all, x.SoakPhase)
		if x.N == 0 || view.Sums(x.Phase) {
			continue
		}
		if j, there := slowest[x.Scenario]; !there || x.Median > all[j].Median {
			slowest[x.Scenario] = i
		}
	}
	for _, i := range slowest {
		all[i].Slowest = true
	}
	return all
}

// quantile is the smallest of the times that so many per cent of them do not exceed; of an even number the median is the middle of two.
func quantile(all []time.Duration, percent int) time.Duration {
	n := len(all)
	if n == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	if percent == 50 {
		return (all[(n-1)/2] + all[n/2]) / 2
	}
	return all[(n*percent+99)/100-1]
}

// result says what of a phase is not as it should be, and that it is the slowest.
func (x SoakPhase) result() string {
	var all []string
	if x.Over > 0 {
		all = append(all, fmt.Sprintf("OVER BUDGET in %s", count(x.Over, "run")))
	}
	if x.Unknown > 0 {
		all = append(all, fmt.Sprintf("not seen to end in %s", count(x.Unknown, "run")))
	}
	if x.Slowest {
		all = append(all, "the slowest")
	}
	return strings.Join(all, "; ")
}

func (x SoakPhase) columns() []string {
	if x.N == 0 {
		return []string{"0", "-", "-", "-", "-", "-", allowed(x.Budget), x.result()}
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	off := "" // what the API server reported is as exact as its reports
	if x.Error > 0 {
		off = fmt.Sprintf("± %d ms", (x.Error + time.Millisecond - 1).Milliseconds())
	}
	return []string{fmt.Sprint(x.N), ms(x.Median), ms(x.P95), ms(x.Max), off, ms(x.At), allowed(x.Budget), x.result()}
}

// slowest names the phase of a repair that took longest, "" if the recording is of none.
func slowest(pic *picture.Picture) string {
	i := slices.IndexFunc(pic.Phases, func(p picture.Phase) bool { return p.Name == view.FullAgain })
	if i < 0 {
		return ""
	}
	s, ok := picture.Slowest(pic.Phases)
	if !ok {
		return ""
	}
	on := ""
	if s.Of > 1 {
		on = fmt.Sprintf(" on %d pods", s.Of)
	}
	full := picture.Group{Phase: pic.Phases[i], Of: 1}
	return fmt.Sprintf("%s: slowest: %s%s %s; %s %s", pic.Scenario, s.Name, on, s.Exactly(), full.Name, full.Exactly())
}

// allowed is a budget, "" for none.
func allowed(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// phasesText writes the table of phases for the console.
func (s *Soak) phasesText(w io.Writer) {
	for _, p := range s.Profiles {
		if len(p.Phases) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%-45s %5s %9s %9s %9s %9s %10s %8s\n", "phases of "+p.Name, "n", "median", "p95", "max", "error", "over after", "budget")
		for _, x := range p.Phases {
			c := x.columns()
			fmt.Fprintf(w, "%-45s %5s %9s %9s %9s %9s %10s %8s  %s\n", string(x.Scenario)+", "+x.Phase, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7])
		}
	}
}

// phasesMarkdown writes it for the summary.
func (s *Soak) phasesMarkdown(w io.Writer) {
	head := "\n| | phase | n | median | p95 | max | error | over after | budget | |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
	for _, p := range s.Profiles {
		for _, x := range p.Phases {
			fmt.Fprintf(w, "%s| %s | %s | %s |\n", head, escaped(p.Name+", "+string(x.Scenario)), escaped(x.Phase), strings.Join(x.columns(), " | "))
			head = ""
		}
	}
}
