package reports

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

// blockedRun has one red that blocks all of 22 checks, and another that blocks one of them, too.
func blockedRun() *Run {
	r := run(judge.Pass, judge.Fail)
	p := &r.Profiles[0]
	second := p.Results[1]
	second.ID = "y/fail"
	for i := range 22 {
		b := judge.Result{ID: fmt.Sprintf("z/blocked-%02d", i), Verdict: judge.Blocked, BlockedBy: []string{"x/fail (pod a)", "x/fail (pod b)"}}
		if i == 0 {
			b.BlockedBy = append(b.BlockedBy, "y/fail (pod a)")
		}
		p.Results = append(p.Results, b)
	}
	p.Results = append(p.Results[:2:2], append([]judge.Result{second}, p.Results[2:]...)...)
	r.Close(nil, began.Add(time.Second))
	return r
}

func TestBlockedChecksAreOneLine(t *testing.T) {
	r := blockedRun()
	for _, several := range []bool{false, true} {
		profiles := r.Profiles
		if several {
			profiles = append(profiles, run(judge.Pass).Profiles...)
		}
		var b bytes.Buffer
		Console{W: &b}.Profiles(profiles)
		s := b.String()
		first, second := strings.Index(s, "22 checks blocked by it (-v lists them)\n"), strings.Index(s, "1 check blocked by it (-v lists them)\n")
		if first < strings.Index(s, "x/fail") || second < strings.Index(s, "y/fail") || second < first || strings.Contains(s, "z/blocked") {
			t.Errorf("printed:\n%s", s)
		}
	}
}

func TestVerboseListsBlockedChecks(t *testing.T) {
	var b bytes.Buffer
	Console{W: &b, Verbose: true}.Profiles(blockedRun().Profiles)
	s := b.String()
	if strings.Count(s, "blocked  z/blocked-") != 22 || !strings.Contains(s, "by x/fail (pod a), x/fail (pod b), y/fail (pod a)\n") || !strings.Contains(s, "22 checks blocked by it\n") || strings.Contains(s, "-v") {
		t.Errorf("printed:\n%s", s)
	}
}

// The files have all of them, whatever the console is short of.
func TestReportFilesHaveEveryBlockedCheck(t *testing.T) {
	r := blockedRun()
	var junit, report bytes.Buffer
	if err := errors.Join(JUnit(&junit, r), JSON(&report, r)); err != nil {
		t.Fatal(err)
	}
	for i := range 22 {
		id := fmt.Sprintf("z/blocked-%02d", i)
		if !strings.Contains(junit.String(), id) || !strings.Contains(report.String(), id) {
			t.Errorf("%s is not in both reports", id)
		}
	}
}

// The last line says what ended a run that judged nothing.
func TestTroubleIsTheLastLine(t *testing.T) {
	r := &Run{Started: began}
	r.Close(exitcode.With(exitcode.Unavailable, errors.New("no container engine works: \x1b[31mdocker: no daemon")), began)
	var b bytes.Buffer
	Console{W: &b}.Closing(r, "")
	if !strings.HasSuffix(b.String(), "\n0 passed, 1 failed, 0 skipped\nunavailable: no container engine works: ·[31mdocker: no daemon\n") {
		t.Errorf("printed:\n%s", b.String())
	}
}

func TestEachRedProfileHasALastLine(t *testing.T) {
	r := run(judge.Pass)
	for i := range 7 {
		p := run(judge.Unknown).Profiles[0]
		p.Name = fmt.Sprintf("shop-%d", i)
		p.Results[0].Message = "nobody looked."
		p.Results[0].Subjects[0].Remedy = ""
		r.Profiles = append(r.Profiles, p)
	}
	r.Close(nil, began)
	var b bytes.Buffer
	Console{W: &b}.Counts(r)
	s := b.String()
	if !strings.HasPrefix(s, "1 passed, 7 failed, 0 skipped\nshop-0: not seen:  (x/unknown). nobody looked\n") || !strings.HasSuffix(s, "\nand 2 more, above\n") || strings.Count(s, "nobody looked") != 5 {
		t.Errorf("printed:\n%s", s)
	}
}

// A green run ends with its counts.
func TestNothingFollowsTheCountsOfAGreenRun(t *testing.T) {
	r := run(judge.Pass)
	r.Close(nil, began)
	var b bytes.Buffer
	Console{W: &b}.Closing(r, "out/x")
	if !strings.HasSuffix(b.String(), "exit: 0 ok   0 s\n1 passed, 0 failed, 0 skipped\n") {
		t.Errorf("printed:\n%s", b.String())
	}
}

// Checks in a row that are skipped for one reason share their lines; with -v each has its own.
func TestOneLineForChecksSkippedAlike(t *testing.T) {
	skip := func(id, why string) judge.Result {
		return judge.Result{ID: id, Title: "does what it should", Verdict: judge.Skip, Reason: why}
	}
	p := Profile{Profile: judge.Profile{Name: "shop", Results: []judge.Result{
		skip("a/one", "no Service"), skip("b/one", "not part of this run"), skip("b/two", "not part of this run"), skip("b/three", "not part of this run"),
		{ID: "c/one", Title: "is well", Verdict: judge.Pass}, skip("c/two", "not part of this run"),
	}}}
	var b bytes.Buffer
	Console{W: &b}.Profile(p)
	s := b.String()
	if !strings.Contains(s, "  skip     3 checks, b/one to b/three\n           not part of this run\n  ok       c/one") || strings.Contains(s, "b/two") ||
		!strings.Contains(s, "skip     a/one ") || !strings.Contains(s, "skip     c/two ") {
		t.Errorf("printed:\n%s", s)
	}
	b.Reset()
	Console{W: &b, Verbose: true}.Profile(p)
	if s = b.String(); strings.Count(s, "not part of this run") != 4 || strings.Contains(s, " checks, ") {
		t.Errorf("with -v printed:\n%s", s)
	}
}

// The paragraph about the search for peers is one line between the checks and the first broken rung.
func TestTheSearchForPeersIsOneLine(t *testing.T) {
	r := run(judge.Fail)
	r.Profiles[0].Search = &evidence.Search{Says: "Both pods asked nobody;\ndialled no peer."}
	var b bytes.Buffer
	Console{W: &b}.Profiles(r.Profiles)
	line := strings.Index(b.String(), "\n  how the nodes looked for each other: Both pods asked nobody;")
	if line < strings.Index(b.String(), "x/fail") || line > strings.Index(b.String(), "first broken rung") {
		t.Errorf("printed:\n%s", b.String())
	}
}
