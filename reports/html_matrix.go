package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meshproof.dev/meshproof/reports/page"
)

// workloadPages is the folder, beside report.html of a kill matrix, with a page for each workload.
const workloadPages = "workloads"

// pages writes the pages of the workloads, and gives the one that links them.
func (m *Matrix) pages(dir string) (*page.Page, error) {
	p := frame(m.Run)
	p.Title = "kill matrix"
	p.Headline = fmt.Sprintf("%d of %s as expected", m.Run.Counts.Passed, count(len(m.Rows), "workload"))
	p.Counts[0] = m.Run.Counts.String()
	if m.Run.Leak {
		p.Headline, p.Trouble = "Not to be passed on", []string{leaked}
		return p, nil
	}
	p.Columns = []string{"expected", "result", "green when reversed", "time"}
	for _, r := range m.Rows {
		file, err := m.page(dir, r)
		if err != nil {
			return nil, err
		}
		p.Rows = append(p.Rows, r.overview(file))
	}
	if len(m.Unhurt) > 0 {
		p.Facts = append(p.Facts, page.Fact{Name: "without a mutant", Value: strings.Join(m.Unhurt, ", ")})
	}
	return p, nil
}

// page writes the page of one workload, and gives its path from report.html.
func (m *Matrix) page(dir string, r Row) (string, error) {
	one := &Run{Started: m.Run.Started, Provenance: m.Run.Provenance, Profiles: []Profile{r.Profile}}
	one.Close(nil, m.Run.Ended)
	p := pageOf(one)
	p.Up = "../report.html"
	var b bytes.Buffer
	if err := page.Write(&b, p); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, workloadPages), 0o755); err != nil {
		return "", err
	}
	file := workloadPages + "/" + word(r.Name) + ".html"
	return file, whole(filepath.Join(dir, file), b.Bytes())
}

// overview is the row of the page that links all.
func (r Row) overview(link string) page.Row {
	row := page.Row{Name: r.Name, Link: link, Mark: page.Mark{Class: "pass", Word: "green"}, Text: r.Message}
	switch {
	case !r.Right:
		row.Mark, row.Text = page.Mark{Class: "fail", Word: "wrong"}, r.Wrong
	case len(r.Want) > 0:
		row.Mark.Word = "killed"
	case len(r.WantUnknown) > 0:
		row.Mark.Word = "unknown"
	}
	want := append([]string{}, r.Want...)
	for _, u := range r.WantUnknown {
		want = append(want, u+" (unknown)")
	}
	if len(want) == 0 {
		want = []string{"all green"}
	}
	row.Cells = []string{strings.Join(want, ", "), r.got() + r.twice(), r.Reverse, fmt.Sprintf("%.0f s", r.Seconds)}
	return row
}
