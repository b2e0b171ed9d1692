package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`

	Properties *junitProperties `xml:"properties,omitempty"`
	Cases      []junitCase      `xml:"testcase"`
}

type junitCase struct {
	Classname  string           `xml:"classname,attr"`
	Name       string           `xml:"name,attr"`
	Time       string           `xml:"time,attr"`
	Properties *junitProperties `xml:"properties,omitempty"`
	Failure    *junitProblem    `xml:"failure,omitempty"`
	Error      *junitProblem    `xml:"error,omitempty"`
	Skipped    *junitProblem    `xml:"skipped,omitempty"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitProblem struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the run as JUnit XML: one testsuite per profile and scenario, fail as failure, unknown as
// error, everything else that did not pass as skipped with its reason. Trouble that ended the run is an
// errored case run/setup, so that a pipeline never reads an empty file as green; what was left behind is the errored case
// run/clean-up.
func JUnit(w io.Writer, r *Run) error {
	var suites []junitSuite
	for _, p := range r.Profiles {
		if p.Unread != "" {
			suites = append(suites, unread(p))
		}
		for _, scenario := range scenarios(p.Results) {
			suites = append(suites, junitOf(p, scenario))
		}
	}
	return encode(w, r, suites)
}

func encode(w io.Writer, r *Run, suites []junitSuite) error {
	all := junitSuites{Name: "meshproof", Suites: suites}
	if r.Soak != nil {
		all.Suites = append(all.Suites, junitSuite{Name: "soak", Time: seconds(r.Ended.Sub(r.Started)), Properties: r.Soak.properties()})
	}
	var own []junitCase
	if r.Trouble != "" {
		own = append(own, junitCase{Classname: "run", Name: "run/setup", Time: seconds(r.Ended.Sub(r.Started)), Error: &junitProblem{Type: exitcode.Word(r.Exit.Code), Message: firstLine(r.Trouble), Text: r.Trouble}})
	}
	if len(r.Leftovers) > 0 {
		own = append(own, cleanUp(r.Leftovers))
	}
	if len(own) > 0 {
		all.Suites = append(all.Suites, junitSuite{Name: "run", Tests: len(own), Errors: len(own), Time: seconds(r.Ended.Sub(r.Started)), Cases: own})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func scenarios(results []judge.Result) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range results {
		if s := string(r.Scenario); !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}

func junitOf(p Profile, scenario string) junitSuite {
	name := title(p)
	s := junitSuite{Name: name + " " + scenario}
	var total time.Duration
	for _, r := range p.Results {
		if string(r.Scenario) != scenario {
			continue
		}
		c := junitCase{Classname: "meshproof." + name + "." + scenario, Name: r.ID + " " + r.Title, Time: seconds(r.At)}
		total = max(total, r.At)
		switch r.Verdict {
		case judge.Fail:
			c.Failure = &junitProblem{Type: r.Code, Message: inLine(r.Message), Text: detail(r)}
			s.Failures++
		case judge.Unknown:
			c.Error = &junitProblem{Type: "unknown", Message: inLine(r.Message), Text: detail(r)}
			s.Errors++
		case judge.Skip, judge.Blocked, judge.Waived, judge.Accepted, judge.Suppressed:
			c.Skipped = &junitProblem{Message: reason(r)}
			s.Skipped++
		}
		c.Properties = &junitProperties{List: []junitProperty{{"rung", string(r.Rung)}, {"level", string(r.Level)}, {"verdict", string(r.Verdict)}}}
		if r.Verdict == judge.Advised {
			c.Properties.List = append(c.Properties.List, junitProperty{"advice", r.Message})
		}
		for _, x := range suppressions(r) {
			c.Properties.List = append(c.Properties.List, junitProperty{"suppressed", x.Subject.String() + ": " + x.Reason})
		}
		if r.Unseen != "" {
			c.Properties.List = append(c.Properties.List, junitProperty{"unseen", r.Unseen})
		}
		c.Properties.List = append(c.Properties.List, twice(p.Again)...)
		s.Cases = append(s.Cases, c)
	}
	s.Tests, s.Time = len(s.Cases), seconds(total)
	return s
}

// twice is the property of a case whose workload was recorded a second time: why the first recording was not enough.
func twice(again string) []junitProperty {
	if again == "" {
		return nil
	}
	return []junitProperty{{"recorded-twice", "the first time " + again}}
}

// reason says why a check was skipped, blocked or waived.
func reason(r judge.Result) string {
	switch r.Verdict {
	case judge.Blocked:
		return "blocked by: " + strings.Join(r.BlockedBy, ", ")
	case judge.Waived:
		return "waived: " + r.Reason
	case judge.Suppressed:
		return "suppressed: " + r.Reason
	default:
		return r.Reason
	}
}

// detail lists the deciding subjects with their evidence, remedy and the command to see it.
func detail(r judge.Result) string {
	var b strings.Builder
	for _, s := range r.Subjects {
		if s.Verdict != r.Verdict {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", s.Subject, hanging(s.Message))
		if s.Place != nil {
			fmt.Fprintf(&b, "  at: %s\n", s.Place)
		}
		for _, l := range s.Seen {
			fmt.Fprintf(&b, "  seen: %s\n", hanging(l))
		}
		if s.Remedy != "" {
			fmt.Fprintf(&b, "  remedy: %s\n", s.Remedy)
		}
		if s.Try != "" {
			fmt.Fprintf(&b, "  try: %s\n", s.Try)
		}
	}
	return b.String()
}

func title(p Profile) string {
	if p.Nth > 0 {
		return fmt.Sprintf("%s#%d", repeated(p), p.Nth)
	}
	return repeated(p)
}

// repeated is what all runs of a profile in a soak have in common.
func repeated(p Profile) string {
	if p.Mutant != "" {
		return p.Name + "/" + p.Mutant
	}
	return p.Name
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
