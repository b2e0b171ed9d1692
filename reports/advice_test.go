package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

// advised is a run in which one check passed and one advice is not followed.
func advised() *Run {
	r := run(judge.Pass, judge.Advised)
	r.Profiles[0].Results[1].Level = check.Advice
	r.Close(nil, began.Add(time.Second))
	return r
}

func TestAdviceInTheCounts(t *testing.T) {
	if r := advised(); r.Exit.Code != exitcode.OK || r.Counts != (Counts{Passed: 1, Skipped: 1}) {
		t.Errorf("exit %+v, counts %+v", r.Exit, r.Counts)
	}
}

func TestAdviceOnTheConsole(t *testing.T) {
	var b bytes.Buffer
	Console{W: &b}.Profile(advised().Profiles[0])
	for _, want := range []string{"  advice   x/advised", "shop-1 is shut", "remedy: open it", "try: kubectl get"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "first broken rung") || strings.Contains(b.String(), "not seen:") {
		t.Errorf("an advice breaks nothing:\n%s", b.String())
	}
}

// In JUnit an advice that is not followed passes, with a property that says it.
func TestAdviceInJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, advised()); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Suites[0]
	if s.Tests != 2 || s.Failures+s.Errors+s.Skipped != 0 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped", s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	c := s.Cases[1]
	if c.Failure != nil || c.Error != nil || c.Skipped != nil {
		t.Errorf("the case does not pass: %+v", c)
	}
	for _, want := range []junitProperty{{"verdict", "advised"}, {"level", "advice"}, {"advice", "seen: 5 < 6 & \"more\""}} {
		if !slices.Contains(c.Properties.List, want) {
			t.Errorf("property %+v is not among %+v", want, c.Properties.List)
		}
	}
	for _, p := range s.Cases[0].Properties.List {
		if p.Name == "advice" {
			t.Errorf("a check that passed has the advice %q", p.Value)
		}
	}
}

func TestAdviceInJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, advised()); err != nil {
		t.Fatal(err)
	}
	var back Run
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	r := back.Profiles[0].Results[1]
	if r.Verdict != judge.Advised || r.Level != check.Advice || r.Subjects[0].Verdict != judge.Advised || r.Subjects[0].Remedy != "open it" {
		t.Errorf("%+v", r)
	}
}

// Trouble of one profile, such as a recording that is cut off, stands beside its verdicts.
func TestTroubleOfAProfile(t *testing.T) {
	r := run(judge.Pass)
	r.Profiles[0].Trouble = "a.jsonl is cut off"
	r.Close(nil, began)
	var b bytes.Buffer
	Console{W: &b}.Profile(r.Profiles[0])
	if !strings.Contains(b.String(), "  trouble: a.jsonl is cut off\n") || r.Exit.Code != exitcode.OK {
		t.Errorf("exit %+v\n%s", r.Exit, b.String())
	}
}
