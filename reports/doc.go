// Package reports writes the results of a run: the console's lines, JUnit for pipelines, a versioned JSON report, a summary in
// Markdown, what GitHub Actions shows, and the exit file. All of them have the same messages, because they read the same verdicts.
//
// In: verdicts and the run's provenance. Out: bytes and files. It judges nothing and touches no cluster. The folder
// out/ beside it is where runs put their results.
package reports

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports/picture"
)

// Version names the format of report.json. Fields may be added to it; none changes its meaning.
const Version = "meshproof.dev/report/v1"

// Run is a whole run: what was run, on what, and with which results.
type Run struct {
	APIVersion string     `json:"apiVersion"`
	Started    time.Time  `json:"started"`
	Ended      time.Time  `json:"ended"`
	Exit       Exit       `json:"exit"`
	Counts     Counts     `json:"counts"`
	Provenance Provenance `json:"provenance"`
	Profiles   []Profile  `json:"profiles"`
	Soak       *Soak      `json:"soak,omitempty"`      // of a run that repeats its profiles
	Trouble    string     `json:"trouble,omitempty"`   // set-up, interruption or a bug, when one ended the run
	Leftovers  []Leftover `json:"leftovers,omitempty"` // what the run made and could not remove
	Leak       bool       `json:"leak,omitempty"`      // a cookie is in the results, or they could not be searched for it: they are not to be passed on
}

// Exit is the exit code of the run and its word.
type Exit struct {
	Code int    `json:"code"`
	Word string `json:"word"`
}

// Counts are the numbers of the closing line: failed is fail and unknown; skipped is skip, blocked, waived and accepted, and advice
// that is not followed.
type Counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	// Accepted are those of the skipped that are accepted although nobody could see them.
	Accepted int `json:"accepted,omitempty"`
}

// String is the closing line, which pipelines read.
func (c Counts) String() string {
	s := fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
	if c.Accepted > 0 {
		s += fmt.Sprintf(" (%d of them accepted as unseen)", c.Accepted)
	}
	return s
}

// Provenance says what exactly was run, so that it can be run again.
type Provenance struct {
	Meshproof  string   `json:"meshproof"`        // revision of this program
	Commit     string   `json:"commit,omitempty"` // that it was built from, where the build wrote it down
	Go         string   `json:"go"`
	Kind       string   `json:"kind,omitempty"`
	Machine    string   `json:"machine"`
	Engine     string   `json:"engine,omitempty"`
	Target     string   `json:"target"` // "kind", "existing", or "recording" where there was no cluster
	Context    string   `json:"context,omitempty"`
	Kubernetes string   `json:"kubernetes,omitempty"`
	Nodes      int      `json:"nodes,omitempty"`
	NodeImage  string   `json:"nodeImage,omitempty"`
	Images     []Image  `json:"images,omitempty"`
	OTP        []string `json:"otp,omitempty"` // as the nodes themselves said
	Seed       int64    `json:"seed"`          // decides which pod is deleted
	Args       []string `json:"args"`
}

// Image is one image that the run used.
type Image struct {
	Name   string `json:"name"`
	Ref    string `json:"ref"`
	ID     string `json:"id"`
	Source string `json:"source"` // "pulled", "built", "cached"
}

// Profile is one profile's results and where their evidence is.
type Profile struct {
	judge.Profile
	Mutant     string        `json:"mutant,omitempty"`
	Nth        int           `json:"nth,omitempty"` // of a soak: which run of the profile it is, from 1
	Namespace  string        `json:"namespace,omitempty"`
	Recordings []string      `json:"recordings,omitempty"` // relative to the report
	Trouble    string        `json:"trouble,omitempty"`
	Again      string        `json:"again,omitempty"`   // why it was recorded a second time; the results are those of the second
	Notes      []string      `json:"notes,omitempty"`   // what a reader should know in addition to the verdicts: what was skipped, what the cluster does not have
	Wall       time.Duration `json:"wall"`              // ns
	Reading    []Reading     `json:"reading,omitempty"` // of lint: what it could read of the application
	Unread     string        `json:"unread,omitempty"`  // of lint: why nothing of the application could be read, so that the result is unknown

	Pictures []*picture.Picture `json:"recorded,omitempty"` // what each recording shows: lives, phases, the mesh at the end
}

// Close sets the counts and the exit code. If there are several codes, the one that comes first in exitcode's table counts;
// trouble is the error that ended the run early, or nil. A run without any verdict never passes, nor does one that left something
// behind.
func (r *Run) Close(trouble error, at time.Time) {
	r.APIVersion, r.Ended = Version, at
	var codes []int
	r.Counts = Counts{}
	for _, p := range r.Profiles {
		passed, failed, skipped := p.Counts()
		r.Counts.Passed += passed
		r.Counts.Failed += failed
		r.Counts.Skipped += skipped
		r.Counts.Accepted += p.Accepted()
		codes = append(codes, p.ExitCode())
		if p.Unread != "" {
			codes = append(codes, exitcode.Unknown)
			r.Counts.Failed++
		}
	}
	if trouble != nil {
		r.Trouble = trouble.Error()
		codes = append(codes, exitcode.Of(trouble))
		// The errored run/setup of the JUnit file is one of the failures of the closing line.
		r.Counts.Failed++
	} else if r.Counts.Passed+r.Counts.Failed+r.Counts.Skipped == 0 {
		r.Trouble = "no check was judged"
		codes = append(codes, exitcode.Internal)
		r.Counts.Failed++
	}
	if len(r.Leftovers) > 0 {
		codes = append(codes, exitcode.Internal)
		r.Counts.Failed++ // run/clean-up
	}
	r.Exit.Code = exitcode.First(codes...)
	r.Exit.Word = exitcode.Word(r.Exit.Code)
}
