package reports

import (
	"fmt"
	"io"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
)

// How much of an inspection is in its first lines, which fit into a chat.
const (
	mostGroups   = 4
	mostPods     = 6
	mostLast     = 3
	mostInMatrix = 16
)

// Inspection writes the first lines about an inspected cluster, at most fifteen of them: whether it is whole, its groups, the first
// broken rung, what was changed last, and a command that shows it.
func (c Console) Inspection(p Profile) {
	w, i := c.out(), p.Inspection
	if i == nil {
		return
	}
	_, _ = io.WriteString(c.W, c.state(i.State))
	fmt.Fprintf(w, "  %s%s\n", title(p), about(p))
	for n, g := range i.Groups {
		if n == mostGroups {
			fmt.Fprintf(w, "  and %s more\n", count(len(i.Groups)-n, "group"))
			break
		}
		fmt.Fprintf(w, "  %c  %s%s\n", 'A'+n, short(g.Pods, mostPods), revisions(g.Revisions))
	}
	if i.Motion != "" {
		fmt.Fprintf(w, "  in motion: %s\n", inLine(i.Motion))
	}
	b := p.FirstBroken()
	switch {
	case b == nil:
	case b.Verdict == judge.Fail:
		what := "first broken"
		if b.Level == "latent" {
			what = "works now, and breaks at the next join or restart"
		}
		fmt.Fprintf(w, "  %s: %s · %s\n", what, b.ID, inLine(b.Message))
		if f := deciding(b); f != nil && f.Remedy != "" {
			fmt.Fprintf(w, "  remedy: %s\n", f.Remedy)
		}
	case i.State == "UNKNOWN":
		for n := range p.Results {
			if r := &p.Results[n]; r.ID == "mesh/linked" {
				fmt.Fprintf(w, "  not known: %s\n", inLine(r.Message))
			}
		}
	}
	if len(i.Changes) > 0 {
		var last []string
		for n, ch := range i.Changes {
			if n == mostLast {
				break
			}
			last = append(last, fmt.Sprintf("%s %s %s", ch.Object, ch.What, when(ch.At, i.At)))
		}
		fmt.Fprintf(w, "  changed last: %s\n", inLine(strings.Join(last, "; ")))
	}
	if b != nil {
		if f := deciding(b); f != nil && f.Try != "" {
			fmt.Fprintf(w, "  see for yourself: %s\n", f.Try)
		}
	}
}

// InspectionDetails writes the matrix of the links, all changes, what was done in the cluster, and what cannot be seen from here.
func (c Console) InspectionDetails(p Profile) {
	w, i := c.out(), p.Inspection
	if i == nil {
		return
	}
	if n := len(i.Pods); n > 1 && n <= mostInMatrix {
		fmt.Fprintf(w, "\n  links (= in both socket tables, ~ in one only, . none, ? not known)\n")
		for at, row := range i.Matrix {
			fmt.Fprintf(w, "    %-2d %s  %s\n", at+1, strings.Join(strings.Split(row, ""), " "), i.Pods[at])
		}
	} else if n > mostInMatrix {
		fmt.Fprintf(w, "\n  links of %d pods: in the report (-o json, -o html)\n", n)
	}
	for n, ch := range i.Changes {
		if n == 0 {
			fmt.Fprintf(w, "\n  changed last\n")
		}
		fmt.Fprintf(w, "    %s  %s %s (%s ago)\n", ch.At.Format(time.RFC3339), ch.Object, ch.What, age(i.At.Sub(ch.At)))
	}
	if i.Did != "" {
		fmt.Fprintf(w, "\n  what it did: %s\n", i.Did)
	}
	for n, what := range i.Cannot {
		if n == 0 {
			fmt.Fprintf(w, "  what cannot be seen from here\n")
		}
		fmt.Fprintf(w, "    %s\n", inLine(what))
	}
}

// Brief writes the results of an inspected cluster: what did not pass in full; all of them where they are wanted.
func (c Console) Brief(p Profile) {
	if c.Verbose {
		c.Profile(p)
		return
	}
	c.short(p)
}

func (c Console) state(word string) string {
	colour := map[string]string{"WHOLE": colours[judge.Pass], "SPLIT": colours[judge.Fail], "ALONE": colours[judge.Fail]}[word]
	if !c.Colour || colour == "" {
		return word
	}
	return colour + word + "\x1b[0m"
}

// about is how many groups there are, for how long, and how much was seen.
func about(p Profile) string {
	i, out := p.Inspection, ""
	if n := len(i.Groups); n > 1 {
		out += fmt.Sprintf(", %d groups", n)
		if !i.Since.IsZero() {
			out += ", for at least " + age(i.At.Sub(i.Since))
		}
	} else if n == 1 {
		out += ", " + count(len(i.Pods), "Ready pod")
	}
	if v := p.Vantage; v != nil {
		out += fmt.Sprintf(" · seen %d of %d", v.Seen, v.Apply)
	}
	return out
}

func short(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], " "), more)
	}
	return strings.Join(names, " ")
}

func revisions(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "  (rev " + strings.Join(all, ", ") + ")"
}

// deciding is the first subject that has the result's verdict.
func deciding(r *judge.Result) *judge.Subject {
	for n := range r.Subjects {
		if r.Subjects[n].Verdict == r.Verdict {
			return &r.Subjects[n]
		}
	}
	return nil
}

// when is the time of the day, with the date where it was not today, and how long ago it was.
func when(at, now time.Time) string {
	form := "15:04Z"
	if at.UTC().Format(time.DateOnly) != now.UTC().Format(time.DateOnly) {
		form = "2006-01-02 15:04Z"
	}
	return fmt.Sprintf("at %s (%s ago)", at.UTC().Format(form), age(now.Sub(at)))
}

// age is a duration in one unit, as kubectl prints it.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", max(0, d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f d", d.Hours()/24)
}
