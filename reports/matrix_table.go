package reports

import (
	"fmt"
	"io"
	"strings"

	"meshproof.dev/meshproof/e2e/judge"
)

// marks are the verdicts in the grid of a kill matrix.
var marks = map[judge.Verdict]string{
	judge.Pass: ".", judge.Fail: "X", judge.Unknown: "?", judge.Blocked: "b", judge.Skip: " ", judge.Waived: "w", judge.Advised: "a",
}

const markLegend = "X red, ? unknown, b blocked, a advice, w waived, . passed, blank: does not apply"

// word is the row's result in one word.
func (r Row) word() string {
	switch {
	case !r.Right:
		return "WRONG: " + r.Wrong
	case len(r.Want) > 0:
		return "killed"
	case len(r.WantUnknown) > 0:
		return "unknown, as expected"
	}
	return "green"
}

// twice says that the row is from a second recording, and why.
func (r Row) twice() string {
	if r.Again == "" {
		return ""
	}
	return " (recorded twice; the first time " + r.Again + ")"
}

// got lists the checks of the row that are red or unknown, the first three of them.
func (r Row) got() string {
	all := append([]string{}, r.Red...)
	for _, u := range r.Unknown {
		all = append(all, u+" (unknown)")
	}
	const most = 3
	if n := len(all); n > most {
		all = append(all[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

// columns are the checks that failed or were unknown for any workload. The others would only make the grid wider.
func (m *Matrix) columns() []string {
	var all []string
	for _, id := range m.checks() {
		for _, r := range m.Rows {
			if v := r.cells[id]; v == judge.Fail || v == judge.Unknown {
				all = append(all, id)
				break
			}
		}
	}
	return all
}

// Matrix writes the kill matrix: a line per workload, the grid of checks and workloads, and in full what is not as
// expected.
func (c Console) Matrix(m *Matrix) {
	w, wide := c.out(), 8
	for _, r := range m.Rows {
		wide = max(wide, len(r.Name))
	}
	fmt.Fprintf(w, "\n%-*s %5s  %s\n", wide, "workload", "s", "result")
	for _, r := range m.Rows {
		fmt.Fprintf(w, "%-*s %5.0f  %s: %s%s\n", wide, r.Name, r.Seconds, r.word(), r.got(), r.twice())
		if r.Right && r.Message != "" {
			fmt.Fprintf(w, "%-*s        %s\n", wide, "", inLine(r.Message))
		}
	}
	m.grid(w, wide)
	var wrong []string
	for _, r := range m.Rows {
		if !r.Right {
			c.Profile(r.Profile)
			wrong = append(wrong, r.Name+": "+r.Wrong)
		}
	}
	if len(m.Unhurt) > 0 {
		fmt.Fprintf(w, "\nchecks without a mutant: %s\n", strings.Join(m.Unhurt, ", "))
	}
	c.results(m.Run, m.Dir)
	c.counts(m.Run, wrong)
}

// grid writes one character per workload and check. The checks' names are written vertically above their columns.
func (m *Matrix) grid(w io.Writer, wide int) {
	columns := m.columns()
	if len(columns) == 0 {
		return
	}
	high := 0
	for _, id := range columns {
		high = max(high, len(id))
	}
	fmt.Fprintln(w)
	for line := range high {
		var b strings.Builder
		for _, id := range columns {
			c := byte(' ')
			if at := line - (high - len(id)); at >= 0 {
				c = id[at]
			}
			b.WriteByte(c)
			b.WriteByte(' ')
		}
		fmt.Fprintf(w, "%-*s  %s\n", wide, "", strings.TrimRight(b.String(), " "))
	}
	for _, r := range m.Rows {
		fmt.Fprintf(w, "%-*s  %s\n", wide, r.Name, strings.TrimRight(r.line(columns, " "), " "))
	}
	fmt.Fprintf(w, "%-*s  %s\n", wide, "", markLegend)
}

func (r Row) line(columns []string, between string) string {
	cells := make([]string, len(columns))
	for i, id := range columns {
		if cells[i] = marks[r.cells[id]]; cells[i] == "" {
			cells[i] = " "
		}
	}
	return strings.Join(cells, between)
}

// MarkdownMatrix writes the matrix as a document of its own: a table of workloads, a table of workloads and checks, and
// which mutants prove which check.
func MarkdownMatrix(w io.Writer, m *Matrix) {
	fmt.Fprintf(w, "# Kill matrix\n\n%s, exit %d %s: %d right, %d wrong, %.0f s.\n\n", m.Run.Started.UTC().Format("2006-01-02 15:04 MST"),
		m.Run.Exit.Code, m.Run.Exit.Word, m.Run.Counts.Passed, m.Run.Counts.Failed, m.Run.Ended.Sub(m.Run.Started).Seconds())
	fmt.Fprint(w, "| workload | expected | result | | green when reversed | s |\n|---|---|---|---|---|--:|\n")
	for _, r := range m.Rows {
		want := append([]string{}, r.Want...)
		for _, u := range r.WantUnknown {
			want = append(want, u+" (unknown)")
		}
		if len(want) == 0 {
			want = []string{"all green"}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %.0f |\n", cell(r.Name), cell(strings.Join(want, ", ")), cell(r.got()), cell(r.word()+r.twice()), cell(r.Reverse), r.Seconds)
	}
	if columns := m.columns(); len(columns) > 0 {
		fmt.Fprint(w, "\n")
		for i, id := range columns {
			fmt.Fprintf(w, "%d. `%s`\n", i+1, id)
		}
		fmt.Fprint(w, "\n| |")
		for i := range columns {
			fmt.Fprintf(w, " %d |", i+1)
		}
		fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat(":-:|", len(columns)))
		for _, r := range m.Rows {
			fmt.Fprintf(w, "| %s | %s |\n", cell(r.Name), r.line(columns, " | "))
		}
		fmt.Fprintf(w, "\n%s\n", markLegend)
	}
	fmt.Fprint(w, "\n| check | proved by |\n|---|---|\n")
	for _, id := range m.checks() {
		if by := m.Killers[id]; len(by) > 0 {
			fmt.Fprintf(w, "| `%s` | %s |\n", id, cell(strings.Join(by, ", ")))
		}
	}
	if len(m.Unhurt) > 0 {
		fmt.Fprintf(w, "\nChecks without a mutant: %s\n", strings.Join(m.Unhurt, ", "))
	}
	if len(m.Leftovers) == 0 {
		return
	}
	fmt.Fprint(w, "\n| left behind | why | remove it with |\n|---|---|---|\n")
	for _, l := range m.Leftovers {
		fmt.Fprintf(w, "| %s | %s | %s |\n", cell(l.What), cell(l.Why), cell(l.Remove))
	}
}

// cell is text inside a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(s)
}
