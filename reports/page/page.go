// Package page writes the report that people look at: one file of HTML with its pictures, its style and its script in it, which asks
// the network for nothing. Every word of it that comes from a cluster is hostile, and goes through html/template.
//
// In: words and pictures. Out: bytes. It knows no verdict but its word.
package page

import (
	"crypto/sha256"
	_ "embed" // the template, the style and the script
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/reports/picture"
)

// Page is a report: of a run with its workloads, or of a kill matrix with a row for each workload, whose page is another file.
type Page struct {
	Title     string
	Mark      Mark
	Headline  string
	Broken    []Broken // the first broken rung of each workload that is not as it should be
	Trouble   []string // what ended the run early, what was left behind
	Counts    []string // the closing line and what was run, in a few words
	Up        string   // the page that this one is a part of
	Columns   []string // of Rows, behind their names
	Rows      []Row
	Workloads []*Workload
	Facts     []Fact
}

// Mark is a verdict as a page shows it: its sign and its word say it, its colour alone never does.
type Mark struct {
	Class string // pass, fail, unknown, blocked, skip, advice
	Word  string
}

// Sign is the verdict in one character.
func (m Mark) Sign() string {
	switch m.Class {
	case "pass":
		return "✓"
	case "fail":
		return "✕"
	case "unknown":
		return "?"
	case "blocked":
		return "⊘"
	case "advice":
		return "!"
	}
	return "–"
}

// Broken is what is wrong with a workload: its lowest broken rung.
type Broken struct {
	Workload string // "" where there is only one
	Link     string
	Mark     Mark
	Rung     string
	Check    string
	Title    string
	Cause    string
	Remedy   string
	Try      string
	Place    string
	Blocked  int // how many checks it explains
}

// Row is a workload in the overview.
type Row struct {
	Name, Link string
	Mark       Mark
	Cells      []string
	Text       string
}

// Fact is a line of the provenance.
type Fact struct{ Name, Value string }

// Workload is all about one workload.
type Workload struct {
	ID, Name  string
	Mark      Mark
	Notes     []string
	Rungs     []Rung
	Search    string // what the nodes did to find each other, in one paragraph
	Trails    []picture.Trail
	Others    []picture.Trail // those of pods like the first ones, where there are many
	Scenarios []*Scenario
	Facts     []Fact
}

// Rung is one step of the ladder with its checks.
type Rung struct {
	ID, Name string
	Mark     Mark // the worst verdict
	Counts   string
	Checks   []Check
}

// Check is one check with its verdict.
type Check struct {
	ID, Title, Level string
	Mark             Mark
	Took, At         string
	Reason           string // why it is not a pass or a failure
	Findings         []Finding
	More             int // findings that are in report.json only
	Why, Source      string
	Rerun            []string
}

// Finding is what was found about one subject.
type Finding struct {
	Subject, Message string
	Seen             []string
	Remedy, Try      string
	Place            string
}

// Moment is when a check's deciding evidence was seen.
type Moment struct {
	Label string
	At    time.Duration
	Class string
}

//go:embed page.html.tmpl
var source string

//go:embed page.css
var style string

//go:embed page.js
var script string

// parsed is the template with style and script in it.
func parsed() (*template.Template, error) {
	policy := "default-src 'none'; img-src data:; style-src '" + digest(style) + "'; script-src '" + digest(script) + "'"
	return template.New("page").Funcs(template.FuncMap{
		"policy": func() string { return policy },
		"css":    func() template.CSS { return template.CSS(style) },
		"js":     func() template.JS { return template.JS(script) },
		"lines":  func(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") },
	}).Parse(source)
}

// digest names a text in a content security policy: the browser then applies this style and runs this script, and no other, also if
// something of a cluster should ever get past the escaping.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// the template is parsed once.
var once = sync.OnceValues(parsed) //nolint:gochecknoglobals // parsed once, never changed

// Write writes the page.
func Write(w io.Writer, p *Page) error {
	t, err := once()
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}
