package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Outcome is what was found about one subject.
type Outcome string

// What a finding can say. Unseen means that nothing was learnt: our probe failed, a control did not hold, or nothing
// was observed. NotApplicable needs a reason in Message.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Unseen        Outcome = "unseen"
	NotApplicable Outcome = "n/a"
)

// Finding is the outcome for one subject.
type Finding struct {
	Subject Subject   `json:"subject"`
	Of      []Subject `json:"of,omitempty"` // what else the subject depends on, beside its own parts
	Outcome Outcome   `json:"outcome"`
	Code    string    `json:"code,omitempty"`    // of a failure: the diagnosis, a word of the check's Causes or its own
	Message string    `json:"message,omitempty"` // one sentence with real names, addresses and numbers
	Seen    []string  `json:"seen,omitempty"`    // evidence, a line each
	Remedy  string    `json:"remedy,omitempty"`
	Try     string    `json:"try,omitempty"` // a command with which the reader can see it for themselves
	Place   *Place    `json:"place,omitempty"`
	// Vantage says of an unseen finding that no observer was where this can be seen from, and why: nothing went wrong.
	Vantage string        `json:"vantage,omitempty"`
	Took    time.Duration `json:"took,omitempty"` // how long it took until the requirement was met
	At      time.Duration `json:"at,omitempty"`   // when the deciding evidence was seen

	// Maybe is the code that an unseen finding would have as a failure. Whether it is one is not known, so neither is whether what it
	// could explain has failed for another reason.
	Maybe string           `json:"-"`
	From  time.Duration    `json:"-"` // where it takes all that was seen from then to At to decide: a loss, a silence
	Reads []recording.Kind `json:"-"` // what decided this finding, where that is not all that the check reads
}

// Place is where in the files of the manifests a finding can be mended. Of what helm rendered it is the template, whose line is not
// known.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

// String is "FILE:LINE", as editors and compilers have it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// VerbS is the ending of a verb after n subjects: "one accepts", "two accept".
func VerbS(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

// List joins names for a sentence, the first few of many.
func List(names []string) string {
	const most = 4
	out := ""
	for i, n := range names {
		switch {
		case i == most:
			return out + fmt.Sprintf(" and %d more", len(names)-most)
		case i > 0 && i == len(names)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += n
	}
	return out
}

// Fail makes the finding a failure with this diagnosis.
func (f *Finding) Fail(code, message, remedy string, seen ...string) {
	f.Outcome, f.Code, f.Message, f.Remedy, f.Seen = Fail, code, message, remedy, seen
}

// Skip says why the check does not apply to the finding's subject.
func (f *Finding) Skip(why string) { f.Outcome, f.Message = NotApplicable, why }

// FirstOf are the first n lines, and a line that says how many more there are.
func FirstOf(lines []string, n int) []string {
	if len(lines) <= n {
		return lines
	}
	return append(lines[:n:n], fmt.Sprintf("and %d more", len(lines)-n))
}
