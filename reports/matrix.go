package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

// Matrix is a kill matrix: what each mutant turned red, against what it had to.
type Matrix struct {
	Run  *Run   `json:"-"`
	Dir  string `json:"-"`
	Rows []Row  `json:"rows"`
}

// Row is one workload of a kill matrix.
type Row struct {
	Profile Profile  `json:"-"`
	Name    string   `json:"name"`
	Want    string   `json:"want"` // "CHECK (DIAGNOSIS)", or "" for what must be all green
	Red     []string `json:"red"`
	Unknown []string `json:"unknown,omitempty"`
	Blocked int      `json:"blocked"`
	Right   bool     `json:"right"`
	Wrong   string   `json:"wrong,omitempty"` // what is not as it must be
	Says    string   `json:"says,omitempty"`  // the diagnosis of the killed mutant
}

// Close judges the rows and replaces the run's counts and exit code: here a mutant that turned exactly its check red is
// a pass, and a surviving mutant or a false alarm a failure.
func (m *Matrix) Close(at time.Time) {
	r := m.Run
	trouble := r.Trouble
	interrupted := r.Exit.Code == exitcode.Interrupted
	setup := len(m.Rows) == 0
	r.Ended = at
	r.Counts = Counts{}
	for i := range m.Rows {
		m.Rows[i].judge()
		if m.Rows[i].Right {
			r.Counts.Passed++
		} else {
			r.Counts.Failed++
		}
	}
	if setup {
		r.Counts.Failed++
	}
	switch {
	case interrupted || setup: // the code of what ended it stands
	case r.Counts.Failed > 0:
		r.Exit.Code = exitcode.Fail
	case trouble != "":
		r.Exit.Code = exitcode.Internal
	default:
		r.Exit.Code = exitcode.OK
	}
	r.Exit.Word = exitcode.Word(r.Exit.Code)
}

func (r *Row) judge() {
	r.Name = title(r.Profile)
	for _, res := range r.Profile.Results {
		switch res.Verdict {
		case judge.Blocked:
			r.Blocked++
		case judge.Fail:
			if r.Says == "" {
				r.Says = res.Says
			}
		}
	}
	red := strings.Join(r.Red, ", ")
	switch {
	case r.Profile.Trouble != "":
		r.Wrong = "trouble: " + r.Profile.Trouble
	case len(r.Unknown) > 0:
		r.Wrong = "unknown: " + strings.Join(r.Unknown, ", ")
	case r.Want == "" && red != "":
		r.Wrong = "false alarm: " + red
	case r.Want != "" && red == "":
		r.Wrong = "survived: " + r.Want + " did not turn red"
	case r.Want != red:
		r.Wrong = "red is " + red + ", not " + r.Want
	}
	r.Right = r.Wrong == ""
}

// ConsoleMatrix writes the matrix: a line per workload, and in full what is not as it must be.
func ConsoleMatrix(w io.Writer, m *Matrix) {
	fmt.Fprintf(w, "\n%-36s %-42s %-8s %s\n", "workload", "red", "blocked", "")
	for _, r := range m.Rows {
		word := "killed"
		switch {
		case !r.Right:
			word = "WRONG: " + r.Wrong
		case r.Want == "":
			word = "green"
		}
		red := strings.Join(r.Red, ", ")
		if red == "" {
			red = "-"
		}
		fmt.Fprintf(w, "%-36s %-42s %-8d %s\n", r.Name, red, r.Blocked, word)
		if r.Right && r.Says != "" {
			fmt.Fprintf(w, "    %s\n", r.Says)
		}
	}
	for _, r := range m.Rows {
		if !r.Right {
			Console(w, r.Profile)
		}
	}
	Closing(w, m.Run, m.Dir)
}

// junit writes a case per workload: here a red check is what was wanted.
func (m *Matrix) junit(w io.Writer, r *Run) error {
	s := junitSuite{Name: "kill-matrix", Tests: len(m.Rows), Time: seconds(r.Ended.Sub(r.Started))}
	for _, row := range m.Rows {
		c := junitCase{Classname: "meshproof.kill-matrix", Name: row.Name, Time: seconds(row.Profile.Wall)}
		if !row.Right {
			c.Failure = &junitProblem{Type: "kill-matrix", Message: row.Wrong}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	return encode(w, r, []junitSuite{s})
}

// WriteMatrix writes the run's files anew with the matrix's exit code, and matrix.json beside them.
func WriteMatrix(dir string, m *Matrix) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return err
	}
	if err := whole(filepath.Join(dir, "matrix.json"), b.Bytes()); err != nil {
		return err
	}
	return write(dir, m.Run, m.junit)
}
