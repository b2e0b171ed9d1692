package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports/page"
)

// leaked stands in the place of a summary of results that are not to be passed on.
const leaked = "A cookie is in the results of this run, or they could not be searched for it. They are not to be passed on, and nothing of them is shown here; the log says more."

// Summary writes a run as Markdown, for the page that GitHub Actions shows of a job: what is wrong first, then how many checks passed
// on each rung, the evidence of what failed, and where the results are.
func Summary(w io.Writer, r *Run) {
	if heading(w, r); r.Leak {
		return
	}
	for _, p := range r.Profiles {
		if p.Unread != "" {
			fmt.Fprintf(w, "- **%s**: %s\n", escaped(title(p)), escaped(p.Unread))
		}
		if b := p.FirstBroken(); b != nil {
			rung := title(p) + ": " + broken(b)
			fmt.Fprintf(w, "- **%s**%s\n", escaped(rung), escaped(strings.TrimPrefix(headline(title(p), b), rung)))
		}
	}
	for _, p := range r.Profiles {
		if p.Vantage != nil {
			fmt.Fprintf(w, "- %s: %s\n", escaped(title(p)), escaped(seen(p.Vantage)))
		}
	}
	fmt.Fprintf(w, "\n%s\n", ranOn(r))
	if r.Soak != nil {
		r.Soak.markdown(w)
	}
	tableOfProfiles(w, r.Profiles)
	tableOfRungs(w, r.Profiles)
	for _, p := range r.Profiles {
		for _, i := range instances(p) {
			i.markdown(w, title(p))
		}
		for _, r := range p.Results {
			for _, x := range suppressions(r) {
				fmt.Fprintf(w, "\n%s, suppressed: %s, %s: %s\n", escaped(title(p)), escaped(r.ID), escaped(x.Subject.String()), escaped(x.Reason))
			}
		}
		if p.Search != nil {
			fmt.Fprintf(w, "\n%s, how the nodes looked for each other: %s\n", escaped(title(p)), escaped(p.Search.Says))
		}
		if p.Trouble != "" {
			fmt.Fprintf(w, "\n%s, trouble: %s\n", escaped(title(p)), escaped(p.Trouble))
		}
		for _, n := range p.Notes {
			fmt.Fprintf(w, "\n%s, note: %s\n", escaped(title(p)), escaped(n))
		}
	}
	tableOfPhases(w, r.Profiles)
	tableOfFelt(w, r.Profiles)
	tableOfLeftovers(w, r.Leftovers)
	whereRecordings(w, r.Profiles)
}

// Summary writes a kill matrix as Markdown: what is not as expected first.
func (m *Matrix) Summary(w io.Writer) {
	if heading(w, m.Run); m.Run.Leak {
		return
	}
	for _, r := range m.Rows {
		if !r.Right {
			fmt.Fprintf(w, "- **%s**: %s\n", escaped(r.Name), escaped(r.Wrong))
		}
	}
	fmt.Fprintln(w)
	MarkdownMatrix(w, m)
}

// heading says how the run ended, and what ended it early.
func heading(w io.Writer, r *Run) {
	fmt.Fprintf(w, "## meshproof: %s (exit %d)\n\n", r.Exit.Word, r.Exit.Code)
	switch {
	case r.Leak:
		fmt.Fprintln(w, leaked)
	case r.Trouble != "":
		fmt.Fprintf(w, "%s: %s\n\n", r.Exit.Word, escaped(r.Trouble))
	}
}

func ranOn(r *Run) string { return escaped(ran(r)) }

// ran says how it went and on what, in a few words.
func ran(r *Run) string {
	parts := []string{fmt.Sprintf("%s; %.0f s", r.Counts, r.Ended.Sub(r.Started).Seconds())}
	p := r.Provenance
	if p.Kubernetes != "" {
		parts = append(parts, "Kubernetes "+p.Kubernetes)
	}
	if p.Nodes > 0 {
		parts = append(parts, count(p.Nodes, "node"))
	}
	if len(p.OTP) > 0 {
		parts = append(parts, "OTP "+strings.Join(p.OTP, ", "))
	}
	return strings.Join(parts, "; ")
}

// counted are the columns of the tables of counts.
var counted = []judge.Verdict{judge.Pass, judge.Fail, judge.Unknown, judge.Blocked, judge.Advised, judge.Skip}

const countedHead = "passed | failed | unknown | blocked | advice | skipped |\n|---|--:|--:|--:|--:|--:|--:|\n"

// tally counts verdicts; a waived check is counted as skipped, and one that is suppressed or accepted unseen, too.
type tally map[judge.Verdict]int

func (t tally) add(v judge.Verdict) {
	if v == judge.Waived || v == judge.Accepted || v == judge.Suppressed {
		v = judge.Skip
	}
	t[v]++
}

func (t tally) row(w io.Writer, name string) {
	fmt.Fprintf(w, "| %s |", name)
	for _, v := range counted {
		if t[v] == 0 {
			fmt.Fprint(w, " |")
			continue
		}
		fmt.Fprintf(w, " %d |", t[v])
	}
	fmt.Fprintln(w)
}

func tableOfProfiles(w io.Writer, all []Profile) {
	if len(all) < 2 {
		return
	}
	fmt.Fprint(w, "\n| profile | ", countedHead)
	for _, p := range all {
		t := tally{}
		for _, r := range p.Results {
			t.add(r.Verdict)
		}
		t.row(w, escaped(title(p)))
	}
}

// tableOfRungs counts the checks of all profiles on each rung, lowest rung first.
func tableOfRungs(w io.Writer, all []Profile) {
	var rungs []string
	on := map[string]tally{}
	for _, p := range all {
		for _, r := range p.Results {
			rung := string(r.Rung)
			if on[rung] == nil {
				rungs, on[rung] = append(rungs, rung), tally{}
			}
			on[rung].add(r.Verdict)
		}
	}
	if len(rungs) == 0 {
		return
	}
	fmt.Fprint(w, "\n| rung | ", countedHead)
	for _, rung := range rungs {
		on[rung].row(w, rung)
	}
}

// instance is a check that failed or is unknown, or several in a row that are unknown for the same reason.
type instance struct {
	place  int // of the check on the ladder
	first  judge.Result
	checks string // its id, or the first and the last of several
	text   string
}

// instances are what is wrong with a profile, lowest rung first.
func instances(p Profile) []instance {
	var all []instance
	for i := 0; i < len(p.Results); i++ {
		r := p.Results[i]
		n, why := alike(p.Results[i:])
		if r.Verdict != judge.Fail && r.Verdict != judge.Unknown {
			continue
		}
		one := instance{place: i, first: r, checks: r.ID, text: r.Message}
		if n > 1 {
			i += n - 1
			one.checks, one.text = fmt.Sprintf("%d checks, %s to %s", n, r.ID, p.Results[i].ID), why
		}
		all = append(all, one)
	}
	return all
}

// markdown writes the evidence, and what to do, as it is on the console.
func (i instance) markdown(w io.Writer, profile string) {
	fmt.Fprintf(w, "\n**%s** %s: %s\n", words[i.first.Verdict], escaped(profile), escaped(i.checks))
	var b strings.Builder
	if i.checks == i.first.ID {
		fmt.Fprintf(&b, "%s\n", i.first.Title)
		explain(plain{&b}, i.first)
	} else {
		fmt.Fprintf(plain{&b}, "%s\n", i.text)
	}
	// An indented block shows everything as it is: evidence is what other programs printed.
	fmt.Fprintln(w)
	for line := range strings.Lines(b.String()) {
		fmt.Fprintf(w, "    %s\n", strings.TrimRight(strings.TrimPrefix(line, "         "), "\n"))
	}
}

// tableOfPhases says how long each part of the scenarios took; of several profiles only those that have a budget.
func tableOfPhases(w io.Writer, all []Profile) {
	head := "\n| | phase | took | budget |\n|---|---|--:|--:|\n"
	for _, p := range all {
		for _, pic := range p.Pictures {
			for _, ph := range pic.Phases {
				if len(all) > 1 && ph.Budget == 0 {
					continue
				}
				took, budget := page.Seconds(ph.Took()), ""
				if ph.Open {
					took = "not seen to end"
				}
				if ph.Budget > 0 {
					budget = page.Seconds(ph.Budget)
				}
				fmt.Fprintf(w, "%s| %s | %s | %s | %s |\n", head, escaped(title(p)+", "+string(pic.Scenario)), escaped(ph.Name), took, budget)
				head = ""
			}
		}
	}
}

func tableOfLeftovers(w io.Writer, all []Leftover) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\n| left behind | why | remove it with |\n|---|---|---|\n")
	for _, l := range all {
		fmt.Fprintf(w, "| %s | %s | %s |\n", escaped(l.What), escaped(l.Why), escaped(l.Remove))
	}
}

func whereRecordings(w io.Writer, all []Profile) {
	var files []string
	for _, p := range all {
		files = append(files, p.Recordings...)
	}
	if len(files) == 0 {
		return
	}
	slices.Sort(files)
	fmt.Fprintf(w, "\nreport.html shows who saw whom at any time. Recordings, which `meshproof judge` judges again without a cluster:\n\n")
	for _, f := range files {
		fmt.Fprintf(w, "- %s\n", escaped(f))
	}
}

// escaped is text that Markdown shows as it is, on one line: part of it is what other programs printed.
func escaped(s string) string {
	s = visible(strings.Join(strings.Fields(s), " "))
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", "|", `\|`, "~", `\~`, "&", "&amp;", "://", ":&#47;/").Replace(s)
}
