package reports

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/judge"
)

// GitHub is what GitHub Actions shows of a run beside its log, and what later steps can read of it.
type GitHub struct {
	Annotations string // workflow commands, a line each
	Summary     string // Markdown
	Outputs     string // NAME=VALUE, a line each
}

// OfRun is what GitHub Actions gets of a run whose results are in dir, "" where they are in no folder.
func OfRun(r *Run, dir string) GitHub {
	var all []annotation
	for _, p := range r.Profiles {
		all = append(all, annotations(p)...)
	}
	var b strings.Builder
	Summary(&b, r)
	return GitHub{commands(r, all), b.String(), outputs(r, dir)}
}

// OfMatrix is what GitHub Actions gets of a kill matrix. A failed check is no failure there where it was expected.
func OfMatrix(m *Matrix) GitHub {
	var all []annotation
	for _, r := range m.Rows {
		if !r.Right {
			all = append(all, annotation{level: "error", title: "kill matrix: " + r.Name, text: r.Wrong})
		}
	}
	var b strings.Builder
	m.Summary(&b)
	return GitHub{commands(m.Run, all), b.String(), outputs(m.Run, m.Dir)}
}

// annotation is one thing that is wrong.
type annotation struct {
	level string // "error", "warning" or "notice"
	place int    // on the ladder
	title string
	text  string
	file  string // where it can be mended; "" if it is not known
	line  int
}

func annotations(p Profile) []annotation {
	var all []annotation
	if p.Unread != "" {
		all = append(all, annotation{level: "warning", title: title(p) + ": " + unreadID, text: p.Unread})
	}
	for _, i := range instances(p) {
		a := annotation{level: "error", place: i.place, title: title(p) + ": " + i.checks, text: i.text}
		if i.first.Verdict == judge.Unknown {
			a.level = "warning"
		}
		for _, s := range i.first.Subjects {
			if s.Verdict == i.first.Verdict && s.Remedy != "" {
				a.text += "\nRemedy: " + s.Remedy
				break
			}
		}
		if len(i.first.Subjects) > 0 && i.checks == i.first.ID {
			a.at(i.first.Subjects, i.first.Verdict)
		}
		all = append(all, a)
	}
	for place, r := range p.Results {
		for _, s := range suppressions(r) {
			a := annotation{level: "notice", place: place, title: title(p) + ": " + r.ID + " is suppressed", text: s.Message + "\nSuppressed by its annotation: " + s.Reason}
			a.at([]judge.Subject{s}, judge.Suppressed)
			all = append(all, a)
		}
	}
	return all
}

// at gives the annotation the place of the first subject with that verdict that has one.
func (a *annotation) at(subjects []judge.Subject, v judge.Verdict) {
	for _, s := range subjects {
		if s.Verdict == v && s.Place != nil {
			a.file, a.line = s.Place.File, s.Place.Line
			return
		}
	}
}

// Annotations writes what GitHub Actions shows of a run beside its files, with advice that is not followed.
func Annotations(w io.Writer, r *Run) error {
	var all []annotation
	for _, p := range r.Profiles {
		all = append(all, annotations(p)...)
		for place, x := range p.Results {
			if x.Verdict != judge.Advised {
				continue
			}
			a := annotation{level: "notice", place: place, title: title(p) + ": " + x.ID, text: x.Message}
			a.at(x.Subjects, judge.Advised)
			all = append(all, a)
		}
	}
	_, err := io.WriteString(w, commands(r, all))
	return err
}

// ranks are the levels of annotations, the worst first.
var ranks = []string{"error", "warning", "notice"}

// GitHub keeps ten errors and ten warnings of a step and drops the others without a word, so ten in all are written, and how many
// more there are is a notice. Of one text it keeps 4096 characters.
const (
	mostAnnotations = 10
	mostText        = 4000
)

// commands writes annotations: what ended the run, then failures, then what is unknown; of each the lowest rung first.
func commands(r *Run, all []annotation) string {
	slices.SortStableFunc(all, func(a, b annotation) int {
		return cmp.Or(cmp.Compare(slices.Index(ranks, a.level), slices.Index(ranks, b.level)), cmp.Compare(a.place, b.place))
	})
	var own []annotation
	if r.Trouble != "" {
		own = append(own, annotation{level: "error", title: "meshproof: " + r.Exit.Word, text: r.Trouble})
	}
	if len(r.Leftovers) > 0 {
		own = append(own, annotation{level: "error", title: "meshproof: left behind", text: named(r.Leftovers)})
	}
	if all = slices.Concat(own, all); r.Leak {
		all = []annotation{{level: "error", title: "meshproof: " + r.Exit.Word, text: leaked}}
	}
	var b strings.Builder
	for i, a := range all {
		if i == mostAnnotations {
			fmt.Fprintf(&b, "::notice title=meshproof::and %d more, in the summary of the job\n", len(all)-i)
			break
		}
		text := strings.ToValidUTF8(a.text[:min(len(a.text), mostText)], "")
		at := ""
		if a.file != "" {
			at = "file=" + property.Replace(a.file) + ","
		}
		if a.file != "" && a.line > 0 {
			at += fmt.Sprintf("line=%d,", a.line)
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", a.level, at, property.Replace(a.title), data.Replace(text))
	}
	return b.String()
}

// How a workflow command writes what would end it, or a property of it.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// outputs are those of a step. What they say has no line breaks, but for a folder that somebody named so; then there are none.
func outputs(r *Run, dir string) string {
	if strings.ContainsAny(dir, "\r\n") {
		return ""
	}
	report := ""
	if dir != "" {
		report = filepath.Join(dir, "report.json")
	}
	return fmt.Sprintf("verdict=%s\nexit-code=%d\nfirst-broken-rung=%s\nreport=%s\nresults=%s\nmay-be-passed-on=%t\n",
		r.Exit.Word, r.Exit.Code, firstBrokenRung(r.Profiles), report, dir, !r.Leak)
}

// firstBrokenRung is the lowest rung with a failure in any profile, or else the lowest with something unknown.
func firstBrokenRung(all []Profile) string {
	var found []instance
	for _, p := range all {
		found = append(found, instances(p)...)
	}
	if len(found) == 0 {
		return ""
	}
	lowest := slices.MinFunc(found, func(a, b instance) int {
		return cmp.Or(strings.Compare(string(a.first.Verdict), string(b.first.Verdict)), cmp.Compare(a.place, b.place))
	})
	return string(lowest.first.Rung)
}
