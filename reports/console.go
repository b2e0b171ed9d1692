package reports

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"meshproof.dev/meshproof/e2e/judge"
)

// words are the verdicts as the console prints them; what did not pass stands out without colours.
var words = map[judge.Verdict]string{
	judge.Pass: "ok", judge.Fail: "FAIL", judge.Unknown: "UNKNOWN", judge.Skip: "skip", judge.Blocked: "blocked", judge.Waived: "waived", judge.Advised: "advice",
}

// Console writes one profile's judgement: a line per check, and for what did not pass the sentence, the
// evidence, the remedy and a command to see it oneself.
func Console(w io.Writer, p Profile) {
	w = plain{w}
	fmt.Fprintf(w, "\n%s\n", title(p))
	for _, r := range p.Results {
		fmt.Fprintf(w, "  %-8s %-31s %s%s\n", words[r.Verdict], r.ID, r.Title, took(r))
		switch r.Verdict {
		case judge.Fail, judge.Unknown, judge.Advised:
			explain(w, r)
		case judge.Blocked:
			fmt.Fprintf(w, "           by %s\n", strings.Join(r.BlockedBy, ", "))
		case judge.Skip, judge.Waived:
			fmt.Fprintf(w, "           %s\n", r.Reason)
		}
	}
	if b := p.FirstBroken(); b != nil {
		word := "first broken rung"
		if b.Verdict == judge.Unknown {
			word = "not seen"
		}
		fmt.Fprintf(w, "  %s: %s. %s\n", word, b.Rung, b.Message)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
	if p.Trouble != "" {
		fmt.Fprintf(w, "  trouble: %s\n", p.Trouble)
	}
}

// Profiles writes the judgements of a run: one in full; of several a line for each, and in full what did not pass.
func Profiles(w io.Writer, all []Profile) {
	w = plain{w}
	if len(all) == 1 {
		Console(w, all[0])
		return
	}
	for _, p := range all {
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
			Console(w, p)
			continue
		}
		for _, n := range p.Notes {
			fmt.Fprintf(w, "%-24s note: %s\n", title(p), n)
		}
		fmt.Fprintf(w, "%-24s %d ok, %d advice, %d skipped; %.0f s\n", title(p), n["ok"], n["advice"], n["skip"]+n["waived"], p.Wall.Seconds())
	}
}

// plain shows control characters as dots: evidence holds what other programs printed, and a terminal obeys.
type plain struct{ io.Writer }

func (p plain) Write(b []byte) (int, error) {
	_, err := io.WriteString(p.Writer, strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '·'
		}
		return r
	}, string(b)))
	return len(b), err
}

// explain prints the deciding subjects, the first two in full: twelve pairs often say the same.
func explain(w io.Writer, r judge.Result) {
	const inFull = 2
	n := 0
	for _, s := range r.Subjects {
		if s.Verdict != r.Verdict {
			continue
		}
		if n++; n > inFull {
			continue
		}
		fmt.Fprintf(w, "           %s\n", s.Message)
		for _, l := range s.Seen {
			fmt.Fprintf(w, "             seen: %s\n", l)
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
		fmt.Fprintf(w, "           %s\n", r.Message)
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

// Closing writes the last lines of a run: where the results lie, what ended it early, and the line of counts.
func Closing(w io.Writer, r *Run, dir string) {
	w = plain{w}
	fmt.Fprintln(w)
	if r.Trouble != "" {
		fmt.Fprintf(w, "%s: %s\n", r.Exit.Word, r.Trouble)
	}
	if wd, err := os.Getwd(); err == nil && dir != "" {
		if rel, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(rel, "..") {
			dir = rel
		}
	}
	if dir == "" {
		dir = "(not written)"
	}
	fmt.Fprintf(w, "results: %s   exit: %d %s   %.0f s\n", dir, r.Exit.Code, r.Exit.Word, r.Ended.Sub(r.Started).Seconds())
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", r.Counts.Passed, r.Counts.Failed, r.Counts.Skipped)
}
