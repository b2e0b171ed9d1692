package reports

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"meshproof.dev/meshproof/e2e/judge"
)

// words are the verdicts as the console prints them. Capitals do what colours do elsewhere.
var words = map[judge.Verdict]string{
	judge.Pass: "ok", judge.Fail: "FAIL", judge.Unknown: "UNKNOWN", judge.Skip: "skip", judge.Blocked: "blocked", judge.Waived: "waived", judge.Advised: "advice", judge.Accepted: "accepted", judge.Suppressed: "suppressed",
}

// colours are those of the verdicts that a reader looks for (ECMA-48): red, yellow, green.
var colours = map[judge.Verdict]string{judge.Fail: "\x1b[31m", judge.Unknown: "\x1b[33m", judge.Pass: "\x1b[32m"}

// Console writes results for people. Output of other programs cannot control the terminal.
type Console struct {
	W       io.Writer
	Colour  bool // W is a terminal that shows colours
	Verbose bool // each blocked check has its own lines; otherwise the check that blocks them says how many they are
}

func (c Console) out() io.Writer { return plain{c.W} }

// verdict writes the word with which a result begins.
func (c Console) verdict(v judge.Verdict) {
	word := fmt.Sprintf("  %-8s ", words[v])
	if colour := colours[v]; c.Colour && colour != "" {
		word = colour + word + "\x1b[0m"
	}
	_, _ = io.WriteString(c.W, word) // not through out, which lets no sequence pass
}

// Profile writes one profile's results: a line per check, and for each that did not pass the message, the evidence, the remedy
// and a command that shows it.
func (c Console) Profile(p Profile) {
	w, blocks := c.out(), blockedBy(p.Results)
	fmt.Fprintf(w, "\n%s\n", title(p))
	if p.Vantage != nil {
		fmt.Fprintf(w, "  %s\n", seen(p.Vantage))
	}
	readings(w, p)
	if p.Unread != "" {
		c.verdict(judge.Unknown)
		fmt.Fprintf(w, "%s\n", p.Unread)
	}
	for i := 0; i < len(p.Results); i++ {
		r := p.Results[i]
		if r.Verdict == judge.Blocked && !c.Verbose && !blocks.orphan(r) {
			continue
		}
		if n, why := alike(p.Results[i:]); n > 1 && !c.Verbose {
			i += n - 1
			c.verdict(r.Verdict)
			fmt.Fprintf(w, "%d checks, %s to %s\n           %s\n", n, r.ID, p.Results[i].ID, why)
			continue
		}
		c.verdict(r.Verdict)
		fmt.Fprintf(w, "%-31s %s%s\n", r.ID, r.Title, took(r))
		switch r.Verdict {
		case judge.Fail, judge.Unknown, judge.Advised:
			explain(w, r)
		case judge.Blocked:
			fmt.Fprintf(w, "           by %s\n", strings.Join(r.BlockedBy, ", "))
		case judge.Skip, judge.Waived, judge.Accepted:
			fmt.Fprintf(w, "           %s\n", r.Reason)
		}
		suppressed(w, r)
		if n := blocks[r.ID]; n > 0 {
			fmt.Fprintf(w, "           %s blocked by it%s\n", count(n, "check"), c.hint())
		}
	}
	if p.Search != nil {
		fmt.Fprintf(w, "  how the nodes looked for each other: %s\n", inLine(p.Search.Says))
	}
	if c.Verbose {
		c.felt(p)
	}
	if b := p.FirstBroken(); b != nil {
		fmt.Fprintf(w, "  %s\n", broken(b))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
	if p.Trouble != "" {
		fmt.Fprintf(w, "  trouble: %s\n", p.Trouble)
	}
}

// alike is how many of the results, from the first on, are skipped or unknown for the same reason, and the reason. A scenario that is
// no part of a run, or a recording whose writer was killed, is then said once, not for each check.
func alike(results []judge.Result) (n int, why string) {
	verdict, why := results[0].Verdict, sole(results[0])
	for n < len(results) && why != "" && results[n].Verdict == verdict && sole(results[n]) == why {
		n++
	}
	return n, why
}

// sole is the one reason of a result that is skipped or unknown, "" if there are several.
func sole(r judge.Result) string {
	switch r.Verdict {
	case judge.Skip, judge.Accepted:
		return r.Reason
	case judge.Unknown:
		for _, s := range r.Subjects {
			if s.Verdict == judge.Unknown && (s.Message != r.Message || len(s.Seen) > 0 || s.Remedy != "") {
				return ""
			}
		}
		return r.Message
	default:
		return ""
	}
}

func (c Console) hint() string {
	if c.Verbose {
		return ""
	}
	return " (-v lists them)"
}

// blocking is how many checks each failed check blocks, by id.
type blocking map[string]int

func blockedBy(results []judge.Result) blocking {
	n := blocking{}
	for _, r := range results {
		if r.Verdict == judge.Fail {
			n[r.ID] = 0
		}
	}
	for _, r := range results {
		if r.Verdict != judge.Blocked {
			continue
		}
		for _, id := range blockers(r) {
			if _, failed := n[id]; failed {
				n[id]++
			}
		}
	}
	return n
}

// orphan reports whether none of the failed checks that are printed blocks r.
func (b blocking) orphan(r judge.Result) bool {
	return !slices.ContainsFunc(blockers(r), func(id string) bool { return b[id] > 0 })
}

// blockers are the ids of the checks that block r, each once.
func blockers(r judge.Result) []string {
	var ids []string
	for _, by := range r.BlockedBy {
		if id, _, _ := strings.Cut(by, " ("); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Profiles writes the results of a run: a single profile in full; of several one line each, and in full what did not pass.
func (c Console) Profiles(all []Profile) {
	if len(all) == 1 {
		c.Profile(all[0])
		return
	}
	for _, p := range all {
		c.short(p)
	}
}

// short writes one line, and in full what did not pass.
func (c Console) short(p Profile) {
	w := c.out()
	var not []judge.Result
	n := map[string]int{}
	for _, r := range p.Results {
		switch n[words[r.Verdict]]++; r.Verdict {
		case judge.Fail, judge.Unknown, judge.Blocked:
			not = append(not, r)
		}
	}
	if len(not) > 0 || p.Trouble != "" {
		p.Results = not
		c.Profile(p)
		return
	}
	if p.Vantage != nil {
		fmt.Fprintf(w, "%-24s %s\n", title(p), seen(p.Vantage))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(w, "%-24s note: %s\n", title(p), n)
	}
	fmt.Fprintf(w, "%-24s %d ok, %d advice, %d skipped; %.0f s\n", title(p), n["ok"], n["advice"], n["skip"]+n["waived"]+n["accepted"]+n["suppressed"], p.Wall.Seconds())
}

// plain shows control characters as dots: evidence contains output of other programs, which could control the terminal.
type plain struct{ io.Writer }

func (p plain) Write(b []byte) (int, error) {
	_, err := io.WriteString(p.Writer, visible(string(b)))
	return len(b), err
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '·'
		}
		return r
	}, s)
}

// seen says how much was seen of a workload that no agent observed, and why there was none.
func seen(v *judge.Vantage) string {
	return fmt.Sprintf("seen %d of %d checks that apply: there is no agent, because %s", v.Seen, v.Apply, v.Reason)
}

// explain prints the deciding subjects, the first two in full: twelve pairs often have the same message.
func explain(w io.Writer, r judge.Result) {
	const inFull = 2
	if r.Unseen != "" {
		fmt.Fprintf(w, "           %s\n", inLine(r.Message)) // it is the same for all subjects
		return
	}
	n := 0
	for _, s := range r.Subjects {
		if s.Verdict != r.Verdict {
			continue
		}
		if n++; n > inFull {
			continue
		}
		fmt.Fprintf(w, "           %s\n", inLine(s.Message))
		if s.Place != nil {
			fmt.Fprintf(w, "             at: %s\n", s.Place)
		}
		for _, l := range s.Seen {
			if l != "" {
				fmt.Fprintf(w, "             seen: %s\n", inLine(l))
			}
		}
		if s.Remedy != "" {
			fmt.Fprintf(w, "             remedy: %s\n", s.Remedy)
		}
		if s.Try != "" {
			fmt.Fprintf(w, "             try: %s\n", s.Try)
		}
	}
	if n > inFull {
		fmt.Fprintf(w, "           and %d more of the same check, in the report\n", n-inFull)
	}
	if n == 0 && r.Message != "" {
		fmt.Fprintf(w, "           %s\n", inLine(r.Message))
	}
}

func took(r judge.Result) string {
	if r.Verdict != judge.Pass || r.Took < time.Millisecond {
		return ""
	}
	if r.Took < time.Second {
		return fmt.Sprintf(" (%d ms)", r.Took.Milliseconds())
	}
	return fmt.Sprintf(" (%.1f s)", r.Took.Seconds())
}

// Closing writes the last lines of a run: what it left behind, where the results are, the line of counts, and what is wrong.
func (c Console) Closing(r *Run, dir string) {
	c.results(r, dir)
	c.Counts(r)
}

func (c Console) results(r *Run, dir string) {
	leftovers(c.out(), r.Leftovers)
	if wd, err := os.Getwd(); err == nil && dir != "" {
		if rel, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(rel, "..") {
			dir = rel
		}
	}
	if dir == "" {
		dir = "(not written)"
	}
	fmt.Fprintf(c.out(), "\nresults: %s   exit: %d %s   %.0f s\n", dir, r.Exit.Code, r.Exit.Word, r.Ended.Sub(r.Started).Seconds())
}

// Counts writes the line of counts, which pipelines read, and below it what is wrong: what ended the run early, and for each
// profile the first broken rung with its remedy.
func (c Console) Counts(r *Run) {
	var lines []string
	for _, p := range r.Profiles {
		if b := p.FirstBroken(); b != nil {
			lines = append(lines, headline(title(p), b))
		}
		if p.Unread != "" {
			lines = append(lines, title(p)+": "+p.Unread)
		}
	}
	c.counts(r, lines)
}

func (c Console) counts(r *Run, lines []string) {
	w := c.out()
	fmt.Fprintf(w, "%s\n", r.Counts)
	if r.Trouble != "" {
		fmt.Fprintf(w, "%s: %s\n", r.Exit.Word, r.Trouble)
	}
	if len(r.Leftovers) > 0 {
		fmt.Fprintln(w, named(r.Leftovers))
	}
	const most = 5
	for i, l := range lines {
		if i == most {
			fmt.Fprintf(w, "and %d more, above\n", len(lines)-most)
			return
		}
		fmt.Fprintln(w, l)
	}
}

// broken names the lowest check that failed, or that was not seen.
func broken(b *judge.Result) string {
	word := "first broken rung"
	if b.Verdict == judge.Unknown {
		word = "not seen"
	}
	return fmt.Sprintf("%s: %s (%s)", word, b.Rung, b.ID)
}

// headline says about a workload that did not pass: what failed, why, and what to do.
func headline(name string, b *judge.Result) string {
	line := fmt.Sprintf("%s: %s. %s", name, broken(b), strings.TrimSuffix(inLine(b.Message), "."))
	for _, s := range b.Subjects {
		if s.Verdict == b.Verdict && s.Remedy != "" {
			return line + ". Remedy: " + s.Remedy
		}
	}
	return line
}
