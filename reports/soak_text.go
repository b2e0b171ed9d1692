package reports

import (
	"fmt"
	"io"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

// mostRuns is how many runs of a soak that did not pass are printed in full. All are in the report.
const mostRuns = 3

// Run writes the results of a run: its profiles, or of a soak the first runs that did not pass and what all runs come to.
func (c Console) Run(r *Run) {
	if r.Soak == nil {
		c.Profiles(r.Profiles)
		return
	}
	shown := 0
	for _, p := range r.Profiles {
		if p.Repeats() {
			continue
		}
		if shown++; shown <= mostRuns {
			c.short(p)
		}
	}
	w := c.out()
	if shown > mostRuns {
		fmt.Fprintf(w, "\n%s more did not pass, in the report\n", count(shown-mostRuns, "run"))
	}
	r.Soak.text(w)
}

// columns are what is said of a process's memory, descriptors and threads.
func columns(g view.Growth, unit float64) []string {
	n := func(x float64) string { return fmt.Sprintf("%.0f", x/unit) }
	if g.Samples == 0 {
		return []string{"-", "-", "-", "-", "-", "-", "-", "not told by its system"}
	}
	all := []string{n(g.Start), n(g.End), n(g.Most)}
	switch {
	case !g.Known:
		return append(all, "-", "-", "-", "-", fmt.Sprintf("not known: %d in %.0f s are too few", g.Samples, g.Seconds))
	case g.Grew:
		return append(all, n(g.First), n(g.Second), n(g.Rise), n(g.Bound), "GREW")
	default:
		return append(all, n(g.First), n(g.Second), n(g.Rise), n(g.Bound), "no growth")
	}
}

// text writes the soak's tables for the console.
func (s *Soak) text(w io.Writer) {
	fmt.Fprintf(w, "\n%-28s %5s %6s %5s %8s %7s  %s\n", "soak", "asked", "green", "red", "unknown", "broken", "share of green, 95 % interval")
	for _, p := range s.Profiles {
		fmt.Fprintf(w, "%-28s %5d %6d %5d %8d %7d  %s\n", p.Name, p.Asked, p.Green, p.Red, p.Unknown, p.Broken, p.share())
		for _, f := range p.Flakes {
			fmt.Fprintf(w, "  %-8s %-31s in %s, first %s: %s\n", words[f.Verdict], f.Check, count(f.Runs, "run"), f.First, inLine(f.Message))
		}
		for _, t := range p.Trouble {
			fmt.Fprintf(w, "  trouble  %s\n", inLine(t))
		}
	}
	s.phasesText(w)
	if len(s.Processes) == 0 {
		return
	}
	const row = "%-*s %-12s %6s %6s %6s %8s %8s %6s %6s  %s\n"
	width := 0
	for _, p := range s.Processes {
		width = max(width, len(p.Process))
	}
	fmt.Fprintf(w, "\n"+row, width, "process", "holds", "start", "end", "most", "median 1", "median 2", "rise 2", "bound", "result")
	for _, p := range s.Processes {
		for _, h := range p.held() {
			c := columns(h.Growth, h.unit)
			fmt.Fprintf(w, row, width, p.Process, h.what, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7])
		}
	}
	fmt.Fprintln(w, "(1 and 2: the first and the second half of the time; rise: of the line fitted through the second)")
}

// share is the share of green with its interval, where there is one.
func (p SoakProfile) share() string {
	if p.Green+p.Red+p.Unknown == 0 {
		return "not known: no run was judged"
	}
	return fmt.Sprintf("%.1f %% (%.1f to %.1f %%)", 100*p.Share, 100*p.Low, 100*p.High)
}

// markdown writes the same tables for the summary.
func (s *Soak) markdown(w io.Writer) {
	fmt.Fprint(w, "\n| soak | asked | green | red | unknown | broken | share of green, 95 % interval |\n|---|--:|--:|--:|--:|--:|---|\n")
	for _, p := range s.Profiles {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %s |\n", escaped(p.Name), p.Asked, p.Green, p.Red, p.Unknown, p.Broken, p.share())
	}
	for _, p := range s.Profiles {
		for _, f := range p.Flakes {
			fmt.Fprintf(w, "\n%s, %s in %s: **%s**, first %s: %s\n", escaped(p.Name), strings.ToLower(words[f.Verdict]), count(f.Runs, "run"), escaped(f.Check), escaped(f.First), escaped(f.Message))
		}
		for _, t := range p.Trouble {
			fmt.Fprintf(w, "\n%s, trouble: %s\n", escaped(p.Name), escaped(t))
		}
	}
	s.phasesMarkdown(w)
	if len(s.Processes) == 0 {
		return
	}
	fmt.Fprint(w, "\n| process | holds | start | end | most | median, first half | median, second half | rise in the second half | bound | |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, p := range s.Processes {
		for _, h := range p.held() {
			fmt.Fprintf(w, "| %s | %s | %s |\n", escaped(p.Process), h.what, strings.Join(columns(h.Growth, h.unit), " | "))
		}
	}
}

// properties are what JUnit has of a soak; the runs and their checks are suites and cases as always.
func (s *Soak) properties() *junitProperties {
	all := &junitProperties{}
	for _, p := range s.Profiles {
		all.List = append(all.List, junitProperty{p.Name, fmt.Sprintf("%d asked, %d green, %d red, %d unknown, %d broken; green %s", p.Asked, p.Green, p.Red, p.Unknown, p.Broken, p.share())})
		for _, f := range p.Flakes {
			all.List = append(all.List, junitProperty{p.Name + " " + f.Check, fmt.Sprintf("%s in %s, first %s: %s", strings.ToLower(words[f.Verdict]), count(f.Runs, "run"), f.First, inLine(f.Message))})
		}
	}
	for _, p := range s.Profiles {
		for _, x := range p.Phases {
			c := x.columns()
			all.List = append(all.List, junitProperty{p.Name + " " + string(x.Scenario) + ", " + x.Phase, fmt.Sprintf("n %s, median %s, p95 %s, max %s, %s, budget %s %s", c[0], c[1], c[2], c[3], c[4], c[6], c[7])})
		}
	}
	for _, p := range s.Processes {
		for _, h := range p.held() {
			c := columns(h.Growth, h.unit)
			all.List = append(all.List, junitProperty{p.Process + " " + h.what, fmt.Sprintf("start %s, end %s, most %s, median %s then %s, rise %s of at most %s: %s", c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7])})
		}
	}
	return all
}
