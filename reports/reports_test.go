package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// run is a report with one result of each verdict.
func run(verdicts ...judge.Verdict) *Run {
	p := Profile{Profile: judge.Profile{Name: "shop"}}
	for _, v := range verdicts {
		p.Results = append(p.Results, judge.Result{
			ID: "x/" + string(v), Title: "does what it should", Scenario: "formation", Level: check.Required, Verdict: v, Code: "refused",
			Message: "seen: 5 < 6 & \"more\"", Reason: "as agreed", BlockedBy: []string{"a/b (pod c)"}, At: 1500 * time.Millisecond,
			Subjects: []judge.Subject{{Verdict: v, Finding: check.Finding{Subject: check.Subject{Kind: "pod", Name: "shop-1"}, Outcome: check.Fail, Message: "shop-1 is shut", Seen: []string{"RST"}, Remedy: "open it", Try: "kubectl get"}}},
		})
	}
	return &Run{Started: began, Profiles: []Profile{p}}
}

func TestJUnitTellsVerdictsApart(t *testing.T) {
	r := run(judge.Pass, judge.Fail, judge.Unknown, judge.Skip, judge.Blocked, judge.Waived)
	r.Close(nil, began.Add(time.Minute))
	var b bytes.Buffer
	if err := JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	s := got.Suites[0]
	if s.Name != "shop formation" || s.Tests != 6 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 3 {
		t.Errorf("suite %q: %d tests, %d failures, %d errors, %d skipped", s.Name, s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	for _, c := range s.Cases {
		verdict := strings.TrimPrefix(strings.Fields(c.Name)[0], "x/")
		var says string
		switch {
		case c.Failure != nil:
			says = "fail " + c.Failure.Type + " " + c.Failure.Text
		case c.Error != nil:
			says = "unknown " + c.Error.Text
		case c.Skipped != nil:
			says = "skipped " + c.Skipped.Message
		}
		want := map[string]string{
			"pass": "", "fail": "fail refused pod shop-1: shop-1 is shut", "unknown": "unknown pod shop-1",
			"skip": "skipped as agreed", "blocked": "skipped blocked by: a/b (pod c)", "waived": "skipped waived: as agreed",
		}[verdict]
		if !strings.HasPrefix(says, want) || want == "" && says != "" {
			t.Errorf("%s is written as %q, want %q", verdict, says, want)
		}
		if c.Time != "1.500" {
			t.Errorf("%s: time %s, want that of the deciding evidence", verdict, c.Time)
		}
	}
}

func TestSetupTroubleIsNeverAnEmptyFile(t *testing.T) {
	r := &Run{Started: began}
	r.Close(exitcode.With(exitcode.Unavailable, errors.New("no engine\nmore")), began.Add(time.Second))
	var b bytes.Buffer
	if err := JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `name="run/setup"`) || !strings.Contains(b.String(), `<error type="unavailable" message="no engine">`) {
		t.Errorf("written:\n%s", b.String())
	}
	if r.Exit.Code != exitcode.Unavailable || r.Counts.Failed != 1 {
		t.Errorf("exit %+v, counts %+v", r.Exit, r.Counts)
	}
}

func TestExitCodes(t *testing.T) {
	own := errors.New("bug")
	for name, c := range map[string]struct {
		run     *Run
		trouble error
		want    int
	}{
		"all passed":                 {run(judge.Pass, judge.Skip, judge.Blocked, judge.Waived), nil, exitcode.OK},
		"unknown":                    {run(judge.Pass, judge.Unknown), nil, exitcode.Unknown},
		"fail over unknown":          {run(judge.Unknown, judge.Fail), nil, exitcode.Fail},
		"fail over our own fault":    {run(judge.Fail), own, exitcode.Fail},
		"our own fault over unknown": {run(judge.Unknown), own, exitcode.Internal},
		"interrupted over all":       {run(judge.Fail), exitcode.With(exitcode.Interrupted, own), exitcode.Interrupted},
		"nothing judged":             {&Run{}, nil, exitcode.Internal},
		"usage":                      {&Run{}, exitcode.With(exitcode.Usage, own), exitcode.Usage},
	} {
		c.run.Close(c.trouble, began)
		if c.run.Exit.Code != c.want {
			t.Errorf("%s: exit %d %s, want %d", name, c.run.Exit.Code, c.run.Exit.Word, c.want)
		}
		if c.run.Exit.Word != exitcode.Word(c.want) {
			t.Errorf("%s: word %s", name, c.run.Exit.Word)
		}
	}
}

func TestWriteLeavesWholeFilesAndLatest(t *testing.T) {
	root := t.TempDir()
	for i := range 2 {
		dir, err := NewDir(root, began)
		if err != nil {
			t.Fatal(err)
		}
		r := run(judge.Pass)
		r.Close(nil, began)
		if err = Write(dir, r); err != nil {
			t.Fatal(err)
		}
		latest, err := os.Readlink(filepath.Join(root, "latest"))
		if err != nil || latest != filepath.Base(dir) {
			t.Errorf("run %d: latest is %q (%v), want %q", i, latest, err, filepath.Base(dir))
		}
		exit, err := os.ReadFile(filepath.Join(root, "latest", "exit"))
		if err != nil || string(exit) != "0 ok\n" {
			t.Errorf("exit file %q, %v", exit, err)
		}
		var back Run
		data, err := os.ReadFile(filepath.Join(dir, "report.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err = json.Unmarshal(data, &back); err != nil || back.APIVersion != Version || back.Profiles[0].Results[0].Verdict != judge.Pass {
			t.Errorf("report.json reads back as %+v, %v", back, err)
		}
	}
	if tmp, _ := filepath.Glob(filepath.Join(root, "*", "*.tmp")); len(tmp) > 0 {
		t.Errorf("left over: %v", tmp)
	}
}

func TestConsoleSaysCauseRemedyAndFirstBrokenRung(t *testing.T) {
	r := run(judge.Pass, judge.Fail, judge.Blocked)
	r.Profiles[0].Results[1].Rung = check.EPMD
	r.Close(nil, began.Add(3*time.Second))
	var b bytes.Buffer
	c := Console{W: &b}
	c.Profile(r.Profiles[0])
	c.Closing(r, "out/x")
	for _, want := range []string{"FAIL     x/fail", "shop-1 is shut", "remedy: open it", "try: kubectl get", "by a/b (pod c)", "first broken rung: epmd"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	// Pipelines find the counts on a line of their own; the last line is for whoever looks at the end first.
	last := "\n1 passed, 1 failed, 1 skipped\nshop: first broken rung: epmd (x/fail). seen: 5 < 6 & \"more\". Remedy: open it\n"
	if !strings.HasSuffix(b.String(), last) {
		t.Errorf("the last lines are not the counts and the cause with its remedy:\n%s", b.String())
	}
}

// A pod's last words may be a picture, or move the cursor.
func TestEvidenceDoesNotSteerTheTerminal(t *testing.T) {
	r := run(judge.Fail)
	r.Profiles[0].Results[0].Subjects[0].Seen = []string{"", "\x1b[31mred\x1b[0m, ring\x07, \u009b2J\tand ü"}
	var b bytes.Buffer
	Console{W: &b}.Profile(r.Profiles[0])
	if strings.Contains(b.String(), "seen: \n") {
		t.Errorf("evidence without words is printed:\n%s", b.String())
	}
	if want := "seen: ·[31mred·[0m, ring·, ·2J\tand ü\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%q is not in\n%q", want, b.String())
	}
}

// Of several profiles those that are green take a line each: twenty times seventy would hide the one that is not.
func TestSeveralProfilesAreShownInBrief(t *testing.T) {
	good, bad := run(judge.Pass, judge.Skip), run(judge.Pass, judge.Fail, judge.Blocked)
	var b bytes.Buffer
	Console{W: &b}.Profiles(append(good.Profiles, bad.Profiles...))
	if s := b.String(); !strings.Contains(s, "1 ok, 0 advice, 1 skipped") || strings.Count(s, "a/b") != 1 || !strings.Contains(s, "FAIL     x/fail") || strings.Contains(s, "x/pass") {
		t.Errorf("%s", s)
	}
	b.Reset()
	Console{W: &b}.Profiles(good.Profiles)
	if s := b.String(); !strings.Contains(s, "x/pass") {
		t.Errorf("one profile is not shown in full:\n%s", s)
	}
}

// A check that panicked is our own fault, whatever else is unknown; a failure of the application counts more.
func TestABugOfOursIsInternal(t *testing.T) {
	for name, c := range map[string]struct {
		run  *Run
		want int
	}{
		"beside what passed":   {run(judge.Pass, judge.Unknown), exitcode.Internal},
		"beside what failed":   {run(judge.Pass, judge.Unknown, judge.Fail), exitcode.Fail},
		"where nothing passed": {run(judge.Unknown), exitcode.Internal},
	} {
		c.run.Profiles[0].Bugs = []string{"a bug of ours in x/unknown: it panicked"}
		c.run.Close(nil, began)
		var b bytes.Buffer
		if err := JSON(&b, c.run); err != nil {
			t.Fatal(err)
		}
		if c.run.Exit.Code != c.want || !strings.Contains(b.String(), `"bugs": [`) {
			t.Errorf("%s: exit code %d, want %d; the report is\n%s", name, c.run.Exit.Code, c.want, b.String())
		}
	}
}
