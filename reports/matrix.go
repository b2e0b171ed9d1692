package reports

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

// Matrix is a kill matrix: which checks each mutant made fail, and which it was expected to.
type Matrix struct {
	Run     *Run                `json:"-"`
	Dir     string              `json:"-"`
	Rows    []Row               `json:"rows"`
	Killers map[string][]string `json:"killers"` // by check: the mutants that made it fail or unknown, as expected
	Unhurt  []string            `json:"unhurt"`  // the checks that no mutant is expected to make fail or unknown

	Leftovers []Leftover `json:"leftovers,omitempty"` // the run's
}

// Row is one workload of a kill matrix.
type Row struct {
	Profile     Profile  `json:"-"`
	Name        string   `json:"name"`
	Want        []string `json:"want"`                  // red: "CHECK (DIAGNOSIS)"; none where all must be green
	WantUnknown []string `json:"wantUnknown,omitempty"` // checks; "*" alone for all that were judged
	Red         []string `json:"red"`
	Unknown     []string `json:"unknown,omitempty"`
	Blocked     int      `json:"blocked"`
	Right       bool     `json:"right"`
	Wrong       string   `json:"wrong,omitempty"`   // what is not as expected
	Reverse     string   `json:"reverse,omitempty"` // the row of the same workload without its one mistake
	Again       string   `json:"again,omitempty"`   // why it was recorded a second time; the rest is of the second
	Message     string   `json:"message,omitempty"` // the diagnosis of the killed mutant
	Seconds     float64  `json:"seconds"`           // from its start to its last verdict

	cells map[string]judge.Verdict // by check
}

// Close judges the rows and replaces the run's counts and exit code: a mutant that made exactly its checks fail is a pass, and a
// surviving mutant or a false alarm is a failure.
func (m *Matrix) Close(at time.Time) {
	r := m.Run
	m.Leftovers = r.Leftovers
	interrupted := r.Exit.Code == exitcode.Interrupted
	setup := len(m.Rows) == 0
	r.Ended = at
	r.Counts = Counts{}
	for i := range m.Rows {
		m.Rows[i].judge()
		m.Rows[i].read()
		if m.Rows[i].Right {
			r.Counts.Passed++
		} else {
			r.Counts.Failed++
		}
	}
	if setup {
		r.Counts.Failed++
	}
	if len(r.Leftovers) > 0 {
		r.Counts.Failed++
	}
	m.kills()
	var codes []int
	for _, row := range m.Rows {
		if !row.Right {
			codes = append(codes, exitcode.Fail)
		}
	}
	if r.Trouble != "" || len(r.Leftovers) > 0 {
		codes = append(codes, exitcode.Internal)
	}
	if !interrupted && !setup { // else that of what ended the run stays
		r.Exit.Code = exitcode.First(codes...)
	}
	r.Exit.Word = exitcode.Word(r.Exit.Code)
}

// read copies from the row's results what the reports show.
func (r *Row) read() {
	r.Seconds, r.Again = r.Profile.Wall.Seconds(), r.Profile.Again
	r.cells = map[string]judge.Verdict{}
	for _, res := range r.Profile.Results {
		if of, judged := r.cells[res.ID]; !judged || of != judge.Fail && res.Verdict != judge.Skip { // on another scenario
			r.cells[res.ID] = res.Verdict
		}
		switch res.Verdict {
		case judge.Blocked:
			r.Blocked++
		case judge.Fail:
			if r.Message == "" {
				r.Message = res.Message
			}
		}
	}
}

// judge compares the workload's results with what was expected. Checks that are blocked, skipped or pass do not matter: no
// other check may be red or unknown.
func (r *Row) judge() {
	r.Name = title(r.Profile)
	missing, extra := differ(r.Want, r.Red)
	unseen, more := differ(r.WantUnknown, r.Unknown)
	if len(r.WantUnknown) > 0 {
		more = nil // where the harness is broken, more may be unknown
	}
	if slices.Equal(r.WantUnknown, []string{"*"}) {
		unseen = r.seen()
	}
	var wrong []string
	add := func(what string, list []string) {
		if len(list) > 0 {
			wrong = append(wrong, what+strings.Join(list, ", "))
		}
	}
	if r.Profile.Trouble != "" {
		wrong = append(wrong, "trouble: "+r.Profile.Trouble)
	}
	if len(r.Want) == 0 {
		add("false alarm: ", extra)
	} else {
		add("survived: ", missing)
		add("also red: ", extra)
	}
	add("must be unknown, but is not: ", unseen)
	add("unknown: ", more)
	add("", r.Profile.Bugs)
	r.Wrong = strings.Join(wrong, "; ")
	r.Right = r.Wrong == ""
}

// late is what a kubelet says that could not read a Secret or a ConfigMap within a second. It tries again.
var late = regexp.MustCompile(`failed to sync (secret|configmap) cache: timed out`)

// Unseen lists the unknown checks of a row that is wrong for no other reason, else it is "": no check failed that should not, and
// each that should fail but did not is unknown. A second recording may show more, if the machine was too busy. It also was where a
// container did not start because the kubelet was late: then the row says nothing of what is broken in it.
func (r *Row) Unseen() string {
	missing, extra := differ(r.Want, r.Red)
	unseen, more := differ(r.WantUnknown, r.Unknown)
	for _, res := range r.Profile.Results {
		if res.Verdict == judge.Fail && res.ID == "pods/running" && late.MatchString(res.Message) && slices.Contains(extra, "pods/running (not-running)") {
			return "the kubelet was late: " + res.Message
		}
	}
	if r.Profile.Trouble != "" || len(r.Profile.Bugs) > 0 || len(extra) > 0 || len(unseen) > 0 || len(r.WantUnknown) > 0 || len(more) == 0 {
		return ""
	}
	for _, m := range missing {
		if id, _, _ := strings.Cut(m, " "); !slices.Contains(more, id) {
			return ""
		}
	}
	return "unknown: " + strings.Join(more, ", ")
}

// seen are the checks that passed or failed.
func (r *Row) seen() []string {
	var all []string
	for _, res := range r.Profile.Results {
		if res.Verdict == judge.Pass || res.Verdict == judge.Fail {
			all = append(all, res.ID)
		}
	}
	return all
}

// differ returns what is in want and not in got, and what is in got and not in want.
func differ(want, got []string) (missing, extra []string) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			missing = append(missing, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			extra = append(extra, g)
		}
	}
	return missing, extra
}

// kills records for each check which mutants proved that it can fail, or that it can be unknown.
func (m *Matrix) kills() {
	m.Killers, m.Unhurt = map[string][]string{}, nil
	for _, r := range m.Rows {
		for _, w := range slices.Concat(r.Want, r.WantUnknown) {
			id, _, _ := strings.Cut(w, " ")
			if r.Right && id != "*" {
				m.Killers[id] = append(m.Killers[id], r.Profile.Mutant)
			}
		}
	}
	for _, id := range m.checks() {
		if len(m.Killers[id]) == 0 {
			m.Unhurt = append(m.Unhurt, id)
		}
	}
}

// checks are all checks of the matrix, in the order of the ladder.
func (m *Matrix) checks() []string {
	var all []string
	for _, r := range m.Rows {
		for _, res := range r.Profile.Results {
			if !slices.Contains(all, res.ID) {
				all = append(all, res.ID)
			}
		}
	}
	return all
}

// junit writes a case per workload: here a failed check is expected.
func (m *Matrix) junit(w io.Writer, r *Run) error {
	s := junitSuite{Name: "kill-matrix", Tests: len(m.Rows), Time: seconds(r.Ended.Sub(r.Started))}
	for _, row := range m.Rows {
		c := junitCase{Classname: "meshproof.kill-matrix", Name: row.Name, Time: seconds(row.Profile.Wall)}
		if list := twice(row.Again); list != nil {
			c.Properties = &junitProperties{list}
		}
		if !row.Right {
			c.Failure = &junitProblem{Type: "kill-matrix", Message: row.Wrong}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	return encode(w, r, []junitSuite{s})
}

// WriteMatrix writes the run's files again with the matrix's exit code, matrix.json and matrix.md beside them, and a page for each
// workload, which report.html links.
func WriteMatrix(dir string, m *Matrix) error {
	var b, md, summary bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return err
	}
	if err := whole(filepath.Join(dir, "matrix.json"), b.Bytes()); err != nil {
		return err
	}
	MarkdownMatrix(&md, m)
	if err := whole(filepath.Join(dir, "matrix.md"), md.Bytes()); err != nil {
		return err
	}
	m.Summary(&summary)
	people, err := m.pages(dir)
	if err != nil {
		return err
	}
	return write(dir, m.Run, m.junit, summary.Bytes(), people)
}
