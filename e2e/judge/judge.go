// Package judge runs the checks over the views of a profile's scenarios, finds which failures follow from which, and the first
// broken rung. It decides the verdicts.
//
// In: views and checks. Out: results, the same for every output. It reads no cluster, no clock and no file.
package judge

import (
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Verdict is the result of a check.
type Verdict string

// The verdicts. Blocked is a check that fails or was not observed, if failures lower on the ladder explain all its subjects;
// Unknown means that something that matters was not seen: it never counts as passed. Advised is good practice that is not
// followed.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
	Skip    Verdict = "skip"
	Blocked Verdict = "blocked"
	Waived  Verdict = "waived"
	Advised Verdict = "advised"
	// Accepted is what would be unknown only because no observer was where it can be seen from, and the user accepts that.
	Accepted Verdict = "accepted"
	// Suppressed is what fails for objects that say so themselves, with a reason ([manifest.IgnorePrefix]).
	Suppressed Verdict = "suppressed"
)

// Scenario is one scenario of a profile. View is nil when it was not recorded: Why says what prevented it, Skip why it does
// not belong to the run.
type Scenario struct {
	Name recording.Scenario
	View *view.View
	Why  string
	Skip string
	// NoAgent is why no agent could be there, where the scenario was not recorded because of that.
	NoAgent string
}

// Result is one check's verdict on one profile.
type Result struct {
	ID        string             `json:"id"`
	Title     string             `json:"title"`
	Rung      check.Rung         `json:"rung"`
	Level     check.Level        `json:"level"`
	Scenario  recording.Scenario `json:"scenario"`
	Verdict   Verdict            `json:"verdict"`
	Code      string             `json:"code,omitempty"`      // the diagnosis of the deciding subject
	Message   string             `json:"message,omitempty"`   // one sentence; of a pass: nothing
	Reason    string             `json:"reason,omitempty"`    // of skip and waived: why
	Unseen    string             `json:"unseen,omitempty"`    // why no observer was where it can be seen from, if nothing else made it unknown
	BlockedBy []string           `json:"blockedBy,omitempty"` // "CHECK (SUBJECT)" of what explains it
	Took      time.Duration      `json:"took,omitempty"`      // how long the slowest subject took until it was as required, ns
	At        time.Duration      `json:"at,omitempty"`        // when the deciding evidence was seen, ns of the recording
	Subjects  []Subject          `json:"subjects,omitempty"`
	Why       string             `json:"why"`
	Source    string             `json:"source"`
}

// Subject is a finding with its verdict.
type Subject struct {
	check.Finding
	Verdict   Verdict  `json:"verdict"`
	BlockedBy []string `json:"blockedBy,omitempty"`
	Reason    string   `json:"reason,omitempty"` // of suppressed: the object's own
}

// Profile is the judgement of all scenarios of a profile.
type Profile struct {
	Name    string   `json:"name"`
	Results []Result `json:"results"`
	Bugs    []string `json:"bugs,omitempty"`    // checks that panicked, and where: our own fault
	Vantage *Vantage `json:"vantage,omitempty"` // nil where agents observed
	// Search is how the nodes looked for each other, nil where they have formed a mesh.
	Search *evidence.Search `json:"search,omitempty"`
	// Inspection is what was seen of a cluster that ran before, nil of a run.
	Inspection *evidence.Inspection `json:"inspection,omitempty"`
}

// cause is an unexplained failing subject and what it is able to explain.
type cause struct {
	id       string
	subject  check.Subject
	explains []string
	maybe    bool // whether it has failed is not known
}

// Judge runs the checks, in the order of the ladder, over the scenarios in the order they were recorded.
func Judge(name string, scenarios []Scenario, checks []check.Check) Profile {
	p := Profile{Name: name}
	var causes []cause
	for _, c := range checks {
		if !belongs(c, scenarios) {
			continue
		}
		for _, s := range judgedOn(c, scenarios) {
			var r Result
			r, causes = p.judgeOne(c, s, scenarios, causes)
			p.Results = append(p.Results, r)
		}
	}
	p.vantage(scenarios)
	p.useless(scenarios)
	p.inspection(scenarios)
	if ep, found := find(scenarios, "formation"); found && ep.View != nil && ep.View.Void() == "" {
		p.Search = evidence.SearchOf(ep.View)
	}
	return p
}

// judgedOn are the scenarios of the run on which a check is judged; where none of them is part of it, the check's own, on which it is
// skipped.
func judgedOn(c check.Check, scenarios []Scenario) (names []recording.Scenario) {
	if inapplicable(c, scenarios) != "" {
		return []recording.Scenario{c.Scenario} // it is said once
	}
	for _, name := range c.Scenarios() {
		if s, found := find(scenarios, name); found && s.Skip == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = append(names, c.Scenario)
	}
	return names
}

func (p *Profile) judgeOne(c check.Check, scenario recording.Scenario, scenarios []Scenario, causes []cause) (Result, []cause) {
	r := Result{ID: c.ID, Title: c.Title, Rung: c.Rung, Level: c.Level, Scenario: scenario, Why: c.Why, Source: c.Source}
	ep, found := find(scenarios, scenario)
	if !found || ep.Skip != "" {
		r.Verdict, r.Reason = Skip, "the scenario "+string(scenario)+" is not part of this run"
		if ep.Skip != "" {
			r.Reason += ": " + ep.Skip
		}
		return r, causes
	}
	if why := inapplicable(c, scenarios); why != "" {
		r.Verdict, r.Reason = Skip, why
		return r, causes
	}
	if why, skipped := skip(scenarios, c.ID); skipped {
		r.Verdict, r.Reason = Skip, why
		return r, causes
	}
	if ep.View != nil {
		if why := ep.View.Void(); why != "" {
			r.Verdict, r.Message = Unknown, "the scenario did not run as planned: "+why
			if c.Level == check.Advice {
				advise(&r)
			}
			return r, causes
		}
	}
	if ep.View == nil {
		return unrecorded(r, ep, causes), causes
	}
	findings, bug := findingsOf(c, ep.View)
	if bug != "" {
		p.Bugs = append(p.Bugs, bug)
		r.Verdict, r.Message = Unknown, bug
		return r, causes
	}
	for _, f := range inBothLooks(c, ep.View, cutShort(c, ep.View, withdrawn(c, ep.View, findings))) {
		blockedBy := explained(c.ID, f, causes, false)
		if f.Outcome == check.Fail && len(blockedBy) == 0 {
			f = uncertain(f, explained(c.ID, f, causes, true))
		}
		s := Subject{Finding: f, Verdict: verdictOf(f.Outcome)}
		if len(blockedBy) > 0 && (f.Outcome == check.Fail || f.Outcome == check.Unseen) {
			s.Verdict, s.BlockedBy = Blocked, blockedBy
		}
		suppress(c.ID, ep.View, &s)
		r.Subjects = append(r.Subjects, s)
	}
	sum(&r)
	r.Unseen = outOfSight(r)
	if why, waived := ep.View.Profile.Waive[c.ID]; waived && r.Verdict == Fail {
		// A waived failure explains nothing: otherwise, with a waiver of the cookie check, a mesh that never formed would only be
		// blocked, and the run would pass.
		r.Verdict, r.Reason = Waived, why
		return r, causes
	}
	if c.Level == check.Advice {
		advise(&r)
		return r, causes
	}
	for _, s := range r.Subjects {
		switch {
		case s.Verdict == Fail:
			causes = append(causes, cause{c.ID, s.Subject, c.Causes[s.Code], false})
		case s.Verdict == Unknown && s.Maybe != "":
			causes = append(causes, cause{c.ID, s.Subject, c.Causes[s.Maybe], true})
		}
	}
	return r, causes
}

// advise turns findings into advice: advice fails nothing, explains nothing, and need not have been observed.
func advise(r *Result) {
	switch r.Verdict {
	case Fail:
		r.Verdict = Advised
		for i := range r.Subjects {
			if r.Subjects[i].Verdict == Fail {
				r.Subjects[i].Verdict = Advised
			}
		}
	case Unknown, Blocked:
		r.Verdict, r.Reason, r.Unseen = Skip, "not seen: "+r.Message, ""
	}
}

// skip is the profile's reason to skip the check. Every recording of a profile contains the same one.
func skip(scenarios []Scenario, id string) (why string, skipped bool) {
	for _, e := range scenarios {
		if e.View != nil {
			why, skipped = e.View.Profile.Skip[id]
			return why, skipped
		}
	}
	return "", false
}

// inapplicable is why the profile has nothing for the check to judge, "" if it has or where no recording has the profile.
func inapplicable(c check.Check, scenarios []Scenario) string {
	for _, e := range scenarios {
		if e.View != nil && c.Inapplicable != nil {
			return c.Inapplicable(e.View)
		}
	}
	return ""
}

// unrecorded judges a check whose scenario was not recorded: it is blocked by any failure that can explain it, else it is
// unknown.
func unrecorded(r Result, ep Scenario, causes []cause) Result {
	r.Message = "not recorded: " + ep.Why
	for _, c := range causes {
		if !c.maybe && slices.Contains(c.explains, r.ID) {
			r.BlockedBy = append(r.BlockedBy, c.id+" ("+c.subject.String()+")")
		}
	}
	r.Verdict = Unknown
	switch {
	case len(r.BlockedBy) > 0:
		r.Verdict = Blocked
	case ep.NoAgent != "":
		r.Unseen = ep.NoAgent
	}
	return r
}

// uncertain makes a failure unknown that may be explained by what is not known itself.
func uncertain(f check.Finding, by []string) check.Finding {
	if len(by) > 0 {
		f.Message += "; whether that is because of " + strings.Join(by, ", ") + " is not known"
		f.Outcome, f.Code, f.Remedy = check.Unseen, "", ""
	}
	return f
}

// explained lists the causes, lower on the ladder, that concern the finding's subject or a part of it, and whose diagnosis is
// declared to be able to make this check fail: those that are certain, or those that may be.
func explained(id string, f check.Finding, causes []cause, maybe bool) []string {
	concerns := append(append([]check.Subject{f.Subject}, f.Subject.Parts()...), f.Of...)
	var by []string
	for _, c := range causes {
		if c.id == id || c.maybe != maybe || !slices.Contains(c.explains, id) {
			continue
		}
		for _, s := range concerns {
			if s == c.subject {
				by = append(by, c.id+" ("+c.subject.String()+")")
				break
			}
		}
	}
	return by
}

// sum combines the subjects' verdicts into one: an unexplained failure decides, then what was not seen, then what is explained.
func sum(r *Result) {
	for _, v := range []Verdict{Fail, Unknown, Suppressed, Blocked, Pass, Skip} {
		for _, s := range r.Subjects {
			if s.Verdict != v {
				continue
			}
			if r.Verdict == "" {
				r.Verdict, r.Code, r.Message, r.At = v, s.Code, s.Message, s.At
				switch v {
				case Skip:
					r.Reason = s.Message
				case Suppressed:
					r.Reason = s.Reason
				}
			}
			if r.Verdict == v && v == Pass {
				r.Took, r.At = max(r.Took, s.Took), max(r.At, s.At)
			}
			if r.Verdict == Blocked && v == Blocked {
				r.BlockedBy = union(r.BlockedBy, s.BlockedBy)
			}
		}
	}
	if r.Verdict == "" {
		r.Verdict, r.Message = Unknown, "the check found nothing to judge"
	}
}

func verdictOf(o check.Outcome) Verdict {
	switch o {
	case check.Pass:
		return Pass
	case check.Fail:
		return Fail
	case check.NotApplicable:
		return Skip
	default:
		return Unknown
	}
}

// Counts are the results in the three words of a closing line: failed is fail and unknown, skipped is skip,
// blocked, waived and accepted, and advice that is not followed: it breaks nothing, and has not passed.
func (p Profile) Counts() (passed, failed, skipped int) {
	for _, r := range p.Results {
		switch r.Verdict {
		case Pass:
			passed++
		case Fail, Unknown:
			failed++
		default:
			skipped++
		}
	}
	return passed, failed, skipped
}

// FirstBroken is the lowest result that failed, or else the lowest that is unknown; nil if there is neither.
func (p Profile) FirstBroken() *Result {
	for _, v := range []Verdict{Fail, Unknown} {
		for i := range p.Results {
			if p.Results[i].Verdict == v {
				return &p.Results[i]
			}
		}
	}
	return nil
}

// ExitCode is the run's exit code for this judgement. If no check passed, the run is not a success. A check that panicked is our
// own fault; a failure of the application that other checks found counts before it.
func (p Profile) ExitCode() int {
	code, passed := exitcode.OK, false
	for _, r := range p.Results {
		switch r.Verdict {
		case Fail:
			return exitcode.Fail
		case Unknown:
			code = exitcode.Unknown
		case Pass:
			passed = true
		}
	}
	switch {
	case len(p.Bugs) > 0:
		return exitcode.Internal
	case !passed:
		return exitcode.Unknown
	}
	return code
}

func find(scenarios []Scenario, name recording.Scenario) (Scenario, bool) {
	for _, e := range scenarios {
		if e.Name == name {
			return e, true
		}
	}
	return Scenario{}, false
}
