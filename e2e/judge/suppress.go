package judge

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// suppress changes a failure that its objects say may be. Like a waiver it explains nothing: what fails because of it is red.
func suppress(id string, v *view.View, s *Subject) {
	if s.Verdict != Fail {
		return
	}
	var why []string
	for _, i := range check.Covering(v, id, s.Subject) {
		if !slices.Contains(why, i.Reason) {
			why = append(why, i.Reason)
		}
	}
	if len(why) > 0 {
		s.Verdict, s.Reason = Suppressed, strings.Join(why, "; ")
	}
}

// UselessID is the result that names annotations which suppress nothing. No check finds them: a check knows no verdicts.
const UselessID = "manifest/ignores-a-failure"

// useless advises to remove the annotations for checks that were judged and did not fail for their objects.
func (p *Profile) useless(scenarios []Scenario) {
	r := Result{
		ID: UselessID, Title: "has annotations only for checks that fail", Rung: check.Manifest, Level: check.Advice, Scenario: recording.Formation, Verdict: Advised, Code: "useless",
		Why:    "An annotation that suppresses nothing today hides the failure of tomorrow.",
		Source: "docs/read-a-report.md",
	}
	for _, s := range scenarios {
		if s.View == nil {
			continue
		}
		for _, i := range check.Ignores(s.View) {
			at := slices.IndexFunc(p.Results, func(r Result) bool { return r.ID == i.Check && r.Scenario == s.Name })
			if at < 0 || !judgedFully(p.Results[at]) || uses(p.Results[at], s.View, i) {
				continue
			}
			f := check.Finding{Subject: i.Object, Outcome: check.Fail, Code: r.Code, Place: i.Place,
				Message: fmt.Sprintf("annotation %s of %s suppresses nothing: %s does not fail for it", i.Annotation, i.Object.Name, i.Check), Remedy: "remove the annotation"}
			r.Subjects = append(r.Subjects, Subject{Finding: f, Verdict: Advised})
		}
	}
	if len(r.Subjects) > 0 {
		r.Message = r.Subjects[0].Message
		p.Results = append(p.Results, r)
	}
}

// judgedFully reports whether it is known of each subject of a check whether it fails.
func judgedFully(r Result) bool {
	return len(r.Subjects) > 0 && !slices.ContainsFunc(r.Subjects, func(s Subject) bool { return s.Verdict == Unknown || s.Verdict == Blocked })
}

// uses reports whether an annotation has suppressed anything of a result.
func uses(r Result, v *view.View, i check.Ignore) bool {
	return slices.ContainsFunc(r.Subjects, func(s Subject) bool {
		return s.Verdict == Suppressed && slices.Contains(check.Covering(v, i.Check, s.Subject), i)
	})
}
