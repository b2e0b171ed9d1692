package reports

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

// many is a profile with n failures, the rungs of which are called r0, r1 and so on.
func many(name string, verdict judge.Verdict, n int) Profile {
	p := Profile{Profile: judge.Profile{Name: name}}
	for i := range n {
		r := run(verdict).Profiles[0].Results[0]
		r.ID, r.Rung, r.Message = fmt.Sprintf("r%d/check", i), "r"+r.Rung, fmt.Sprintf("message %d", i)
		p.Results = append(p.Results, r)
	}
	return p
}

// closed is a finished run of the profiles.
func closed(trouble error, all ...Profile) *Run {
	r := &Run{Started: began, Profiles: all}
	r.Close(trouble, began.Add(time.Minute))
	return r
}

func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

func TestAnnotationsAreOrderedByRungAndTenAtMost(t *testing.T) {
	got := lines(OfRun(closed(nil, many("a", judge.Unknown, 2), many("b", judge.Fail, 7), many("c", judge.Fail, 3)), "").Annotations)
	if len(got) != 11 || got[10] != "::notice title=meshproof::and 2 more, in the summary of the job" {
		t.Fatalf("%d lines, the last is %q", len(got), got[len(got)-1])
	}
	for i, want := range []string{"b: r0", "c: r0", "b: r1", "c: r1", "b: r2", "c: r2", "b: r3", "b: r4", "b: r5", "b: r6"} {
		if before := "::error title=" + property.Replace(want) + "/check::message"; !strings.HasPrefix(got[i], before) {
			t.Errorf("line %d is %q, want %q", i, got[i], before)
		}
	}
	got = lines(OfRun(closed(nil, many("a", judge.Unknown, 2)), "").Annotations)
	if len(got) != 2 || !strings.HasPrefix(got[1], "::warning title=a%3A r1/check::") {
		t.Errorf("what is unknown: %q", got)
	}
	if got := OfRun(closed(nil, many("a", judge.Pass, 2)), "").Annotations; got != "" {
		t.Errorf("a green run has annotations: %q", got)
	}
}

// What other programs printed begins no line, ends no property, and adds no command.
func TestAnnotationsAreEscaped(t *testing.T) {
	p := many("a,b: 100%", judge.Fail, 1)
	p.Results[0].Message = "first\r\n::add-mask::x 50%\n" + strings.Repeat("é", 5000)
	hostile := fmt.Errorf("no: %s", "engine\n::error::")
	got := OfRun(closed(exitcode.With(exitcode.Internal, hostile), p), "").Annotations
	want := []string{"::error title=meshproof%3A fail::no: engine%0A::error::", "::error title=a%2Cb%3A 100%25%3A r0/check::first%0D%0A::add-mask::x 50%25%0Aéé"}
	all := lines(got)
	if len(all) != 2 || all[0] != want[0] || !strings.HasPrefix(all[1], want[1]) {
		t.Errorf("%q", got)
	}
	if long := len(all[1]); long > 4200 || strings.Contains(got, "\uFFFD") {
		t.Errorf("the second has %d bytes, or is cut in the middle of a character", long)
	}
}

// A hundred checks that nobody could see, for one reason, are one annotation.
func TestAnnotationsOfOneReason(t *testing.T) {
	p := many("a", judge.Unknown, 20)
	for i := range p.Results {
		p.Results[i].Message, p.Results[i].Subjects = "the agent was blind", nil
	}
	if got, want := OfRun(closed(nil, p), "").Annotations, "::warning title=a%3A 20 checks%2C r0/check to r19/check::the agent was blind\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		run  *Run
		dir  string
		want string
	}{
		"red":                               {closed(nil, many("a", judge.Unknown, 3), many("b", judge.Fail, 2)), "/x", "verdict=fail\nexit-code=1\nfirst-broken-rung=r\nreport=/x/report.json\nresults=/x\nmay-be-passed-on=true\n"},
		"trouble":                           {closed(exitcode.With(exitcode.Unavailable, errors.New("no engine"))), "", "verdict=unavailable\nexit-code=69\nfirst-broken-rung=\nreport=\nresults=\nmay-be-passed-on=true\n"},
		"a folder that would add an output": {closed(nil, many("a", judge.Pass, 1)), "/x\nverdict=ok", ""},
	} {
		if got := OfRun(c.run, c.dir).Outputs; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The lowest failure counts before something unknown that is lower.
func TestFirstBrokenRungOfARun(t *testing.T) {
	unknown, red := many("a", judge.Unknown, 1), many("b", judge.Fail, 3)
	unknown.Results[0].Rung, red.Results[0].Verdict, red.Results[1].Rung = "pods", judge.Pass, "dns"
	if got := firstBrokenRung([]Profile{unknown, red}); got != "dns" {
		t.Errorf("%q", got)
	}
	if got := firstBrokenRung([]Profile{unknown}); got != "pods" {
		t.Errorf("only unknown: %q", got)
	}
}

func TestALeakIsNotPublished(t *testing.T) {
	r := closed(errors.New("it says s3cret"), many("s3cret", judge.Fail, 1))
	r.Leak = true
	m := &Matrix{Run: r, Rows: []Row{{Name: "s3cret", Wrong: "s3cret"}}}
	for _, g := range []GitHub{OfRun(r, "/x"), OfMatrix(m)} {
		if all := g.Annotations + g.Summary + g.Outputs; strings.Contains(all, "s3cret") || strings.Count(all, leaked) != 2 || !strings.Contains(all, "may-be-passed-on=false") {
			t.Errorf("%s", all)
		}
	}
}

// A red check of a mutant that had to be red is no annotation.
func TestAnnotationsOfAKillMatrix(t *testing.T) {
	killed := Row{Profile: many("a", judge.Fail, 1), Want: []string{"r0/check (refused)"}, Red: []string{"r0/check (refused)"}}
	survived := Row{Profile: many("b", judge.Pass, 1), Want: []string{"r0/check (refused)"}}
	survived.Profile.Mutant = "cut"
	m := &Matrix{Run: closed(nil, killed.Profile, survived.Profile), Rows: []Row{killed, survived}}
	m.Close(began)
	g := OfMatrix(m)
	if g.Annotations != "::error title=kill matrix%3A b/cut::survived: r0/check (refused)\n" {
		t.Errorf("%q", g.Annotations)
	}
	if i, j := strings.Index(g.Summary, "- **b/cut**: survived"), strings.Index(g.Summary, "# Kill matrix"); i < 0 || j < i {
		t.Errorf("%s", g.Summary)
	}
}
