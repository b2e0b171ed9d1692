package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"meshproof.dev/meshproof/e2e/judge"
)

// SARIF writes the run as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/): a result for each subject that is not as it
// must be, at its place in the files. uri is the path of a file from the root of the repository, with slashes. What is suppressed or
// waived is there, too, with its reason.
func SARIF(w io.Writer, r *Run, uri func(file string) string) error {
	log := sarifRun{ColumnKind: "utf16CodeUnits", Results: []sarifResult{}, AutomationDetails: &sarifID{"meshproof/lint/"},
		Invocations: []sarifInvocation{{true, r.Exit.Code, r.Exit.Word}}}
	log.Tool.Driver.Name, log.Tool.Driver.Rules = "meshproof", []sarifRule{}
	log.Bases = map[string]sarifBase{root: {sarifText{Text: "The root of the repository."}}}
	if r.Provenance.Meshproof != "" {
		log.Tool.Driver.Version = r.Provenance.Meshproof
	}
	rules, times := map[string]int{}, map[string]int{}
	for _, p := range r.Profiles {
		if p.Unread != "" {
			p.Results = append([]judge.Result{{ID: unreadID, Title: "shows an Erlang application", Level: "required", Why: "What nobody can read is not judged.", Verdict: judge.Unknown, Message: p.Unread}}, p.Results...)
		}
		around := somewhere(p, uri)
		for _, x := range p.Results {
			at, known := rules[x.ID]
			if !known {
				at = len(log.Tool.Driver.Rules)
				rules[x.ID], log.Tool.Driver.Rules = at, append(log.Tool.Driver.Rules, ruleOf(x))
			}
			for _, one := range resultsOf(title(p), x, uri) {
				one.RuleIndex = at
				if at := &one.Locations[0]; at.Physical == nil {
					at.Physical = &sarifPhysical{Artifact: around}
				}
				// Neither a line nor the sentence is part of it: both change with the file, and the finding is the same.
				key := strings.Join([]string{x.ID, one.code, title(p), one.subject, one.file}, "\n")
				if times[key]++; times[key] > 1 {
					key += fmt.Sprintf("\n%d", times[key])
				}
				sum := sha256.Sum256([]byte(key))
				// By the second one GitHub knows a finding again; without it that is made of the text around the line.
				one.Fingerprints = map[string]string{"meshproofFinding/v1": hex.EncodeToString(sum[:16]), "primaryLocationLineHash": hex.EncodeToString(sum[:8]) + ":1"}
				log.Results = append(log.Results, one)
			}
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{log}})
}

// root is what paths are relative to.
const root = "%SRCROOT%"

// somewhere is the file of a result that has none: the first that another one is at, else what was read. GitHub takes no log in which
// a result is nowhere ("expected a physical location").
func somewhere(p Profile, uri func(string) string) sarifArtifact {
	file := ""
	for _, x := range p.Results {
		for _, s := range x.Subjects {
			if file == "" && s.Place != nil {
				file = uri(s.Place.File)
			}
		}
	}
	for _, r := range p.Reading {
		if file == "" && r.What == "read" && len(r.Seen) > 0 && !strings.ContainsAny(r.Seen[0], " ,") {
			file = uri(r.Seen[0])
		}
	}
	if file == "" {
		file = "standard-input"
	}
	return sarifArtifact{(&url.URL{Path: file}).String(), root}
}

// resultsOf are the results of a check: one for each subject that is wrong, or one for all if there is none.
func resultsOf(profile string, x judge.Result, uri func(string) string) []sarifResult {
	if sarifLevel(x.Verdict) == "" && len(suppressions(x)) == 0 {
		return nil
	}
	var all []sarifResult
	for _, s := range x.Subjects {
		verdict := s.Verdict
		if x.Verdict == judge.Waived && verdict == judge.Fail {
			verdict = judge.Waived
		}
		if sarifLevel(verdict) == "" {
			continue
		}
		one := sarifResult{RuleID: x.ID, Level: sarifLevel(verdict), subject: s.Subject.String(), code: s.Code, Properties: map[string]string{"verdict": string(verdict), "profile": profile}}
		one.Message.Text = s.Message
		if s.Remedy != "" {
			one.Message.Text += ". Remedy: " + s.Remedy
		}
		if s.Code != "" {
			one.Properties["diagnosis"] = s.Code
		}
		place := sarifLocation{Logical: []sarifLogical{{one.subject, profile + "/" + one.subject}}}
		if s.Place != nil {
			one.file = uri(s.Place.File)
			place.Physical = &sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: one.file}).String(), root}}
			if s.Place.Line > 0 {
				place.Physical.Region = &sarifRegion{s.Place.Line}
			}
		}
		one.Locations = []sarifLocation{place}
		switch verdict {
		case judge.Suppressed:
			one.Suppressions = []sarifSuppression{{"inSource", s.Reason}}
		case judge.Waived:
			one.Suppressions = []sarifSuppression{{"external", x.Reason}}
		}
		all = append(all, one)
	}
	if len(all) == 0 && sarifLevel(x.Verdict) != "" {
		one := sarifResult{RuleID: x.ID, Level: sarifLevel(x.Verdict), Properties: map[string]string{"verdict": string(x.Verdict), "profile": profile}}
		one.Message.Text = x.Message
		one.Locations = []sarifLocation{{Logical: []sarifLogical{{profile, profile}}}}
		all = append(all, one)
	}
	return all
}

// sarifLevel is how bad a verdict is, "" if it is no result. What is unknown is no failure, and must be seen.
func sarifLevel(v judge.Verdict) string {
	switch v {
	case judge.Fail, judge.Suppressed, judge.Waived:
		return "error"
	case judge.Unknown:
		return "warning"
	case judge.Advised:
		return "note"
	}
	return ""
}

// ruleOf is a check as SARIF describes rules.
func ruleOf(x judge.Result) sarifRule {
	help := "meshproof explain " + x.ID
	rule := sarifRule{ID: x.ID, Name: pascal(x.ID), Short: sarifText{Text: sentence(x.Title)}, Full: sarifText{Text: x.Why}}
	rule.Help = sarifHelp{x.Why + " Source: " + x.Source + ". For more: " + help, x.Why + "\n\nSource: " + x.Source + "\n\nFor more: `" + help + "`"}
	rule.Default.Level = "error"
	if x.Level == "advice" {
		rule.Default.Level = "note"
	}
	if u, err := url.Parse(x.Source); err == nil && u.Scheme == "https" && !strings.ContainsAny(x.Source, " ") {
		rule.HelpURI = x.Source
	}
	severity := map[string]string{"required": "error", "latent": "warning", "advice": "recommendation"}[string(x.Level)]
	rule.Properties = map[string]any{"level": string(x.Level), "rung": string(x.Rung), "precision": "high", "problem.severity": severity, "tags": []string{"erlang", "kubernetes", "reliability"}}
	return rule
}

// sentence is a title, which begins with a verb, as a sentence.
func sentence(title string) string { return "The workload " + title + "." }

// pascal is an id as SARIF writes names: ManifestNamePerPod.
func pascal(id string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(id, func(r rune) bool { return r == '/' || r == '-' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
