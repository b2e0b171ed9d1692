package rules_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/scenario"
)

var idForm = regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)

func TestRegistry(t *testing.T) {
	all := rules.All()
	place := map[string]int{}
	for i, c := range all {
		if _, twice := place[c.ID]; twice {
			t.Errorf("%s is there twice", c.ID)
		}
		place[c.ID] = i
	}
	for i, c := range all {
		if rung, _, _ := strings.Cut(c.ID, "/"); rung != string(c.Rung) {
			t.Errorf("%s is on the rung %s: a check belongs to one group, which both name", c.ID, c.Rung)
		}
		if !idForm.MatchString(c.ID) {
			t.Errorf("%s is not of the form rung/words", c.ID)
		}
		for what, s := range map[string]string{"title": c.Title, "why": c.Why, "source": c.Source, "rung": string(c.Rung), "level": string(c.Level)} {
			if s == "" {
				t.Errorf("%s has no %s", c.ID, what)
			}
		}
		if !slices.Contains(scenario.Names(), c.Scenario) {
			t.Errorf("%s is judged on scenario %q", c.ID, c.Scenario)
		}
		if c.Judge == nil || len(c.Causes) == 0 {
			t.Errorf("%s has no judge or no diagnosis", c.ID)
		}
		for code, ids := range c.Causes {
			for _, id := range ids {
				// What explains comes first: the judge goes through the checks once.
				if j, there := place[id]; !there || j <= i {
					t.Errorf("%s: diagnosis %s explains %s, which does not come after it", c.ID, code, id)
				}
			}
		}
	}
}

// Each diagnosis that a check declares is produced by a trial, no trial produces another, and each check has a trial in
// which it saw nothing.
func TestTrialsAreComplete(t *testing.T) {
	tried := trials()
	known := map[string]bool{}
	for _, c := range rules.All() {
		known[c.ID] = true
		red := check.Fail
		if c.Rung == check.Probe {
			red = check.Unseen // our own failure is nobody's red
		}
		outcomes := map[check.Outcome]bool{}
		codes := map[string]bool{}
		for _, tr := range tried[c.ID] {
			for _, w := range tr.want {
				outcomes[w.outcome] = true
				if w.outcome == red && w.code != "" {
					codes[w.code] = true
				}
			}
		}
		for _, o := range []check.Outcome{red, check.Unseen} {
			if !outcomes[o] {
				t.Errorf("no trial of %s ends with %s", c.ID, o)
			}
		}
		for code := range c.Causes {
			if !codes[code] {
				t.Errorf("no trial of %s ends with %s", c.ID, code)
			}
		}
		for code := range codes {
			if _, declared := c.Causes[code]; !declared {
				t.Errorf("%s does not declare its diagnosis %s", c.ID, code)
			}
		}
	}
	for id := range tried {
		if !known[id] {
			t.Errorf("trials of %s, which is no check", id)
		}
	}
}

// Nobody was there to look: no check may pass, fail or be silent about it.
func TestNothingSeen(t *testing.T) {
	for _, c := range rules.All() {
		if c.ID == "console/commands-work" {
			continue // what there is to run stands in the profile; TestTrials has it
		}
		s := recordingtest.Formation(3)
		s.Events = nil
		found := c.Judge(fold(t, s))
		if len(found) == 0 {
			t.Errorf("%s says nothing", c.ID)
		}
		for _, f := range found {
			if f.Outcome != check.Unseen || f.Message == "" {
				t.Errorf("%s: %s: %s %s %q, wanted unseen and why", c.ID, f.Subject, f.Outcome, f.Code, f.Message)
			}
		}
	}
}
