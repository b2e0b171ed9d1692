package judge_test

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// finds is a check that always finds the same.
func finds(id string, level check.Level, causes map[string][]string, found ...check.Finding) check.Check {
	return check.Check{ID: id, Title: "does x", Rung: check.Pods, Level: level, Scenario: "formation", Causes: causes, Judge: func(*view.View) []check.Finding { return found }}
}

func found(pod string, o check.Outcome) check.Finding {
	f := check.Finding{Subject: check.Subject{Kind: "pod", Name: pod}, Outcome: o}
	switch o {
	case check.Fail:
		f.Code, f.Message, f.Remedy = "spins", pod+" spins", "+sbwt none"
	case check.Pass:
	default:
		f.Message = pod + " was not looked at"
	}
	return f
}

func judgedBy(t *testing.T, s *rt.Recording, checks ...check.Check) judge.Profile {
	t.Helper()
	return judge.Judge("dns-a", []judge.Scenario{{Name: "formation", View: fold(t, s)}}, checks)
}

func TestAdviceNeverTurnsRed(t *testing.T) {
	passes := finds("x/passes", check.Required, nil, found("a", check.Pass))
	red := finds("x/red", check.Required, map[string][]string{"spins": {"x/advice"}}, found("a", check.Fail))
	for name, c := range map[string]struct {
		before   []check.Check
		found    []check.Finding
		verdict  judge.Verdict
		reason   string
		subjects []judge.Verdict
		exit     int
	}{
		"followed":      {[]check.Check{passes}, []check.Finding{found("a", check.Pass)}, judge.Pass, "", []judge.Verdict{judge.Pass}, exitcode.OK},
		"not followed":  {[]check.Check{passes}, []check.Finding{found("a", check.Fail), found("b", check.Pass)}, judge.Advised, "", []judge.Verdict{judge.Advised, judge.Pass}, exitcode.OK},
		"not seen":      {[]check.Check{passes}, []check.Finding{found("a", check.Unseen)}, judge.Skip, "not seen: a was not looked at", []judge.Verdict{judge.Unknown}, exitcode.OK},
		"does not fit":  {[]check.Check{passes}, []check.Finding{found("a", check.NotApplicable)}, judge.Skip, "a was not looked at", []judge.Verdict{judge.Skip}, exitcode.OK},
		"explained":     {[]check.Check{passes, red}, []check.Finding{found("a", check.Fail)}, judge.Skip, "not seen: a spins", []judge.Verdict{judge.Blocked}, exitcode.Fail},
		"nothing found": {[]check.Check{passes}, nil, judge.Skip, "not seen: the check found nothing to judge", nil, exitcode.OK},
		"advice alone":  {nil, []check.Finding{found("a", check.Fail)}, judge.Advised, "", []judge.Verdict{judge.Advised}, exitcode.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			p := judgedBy(t, rt.Formation(3), append(c.before, finds("x/advice", check.Advice, map[string][]string{"spins": nil}, c.found...))...)
			r := result(t, p, "x/advice")
			if r.Verdict != c.verdict || r.Reason != c.reason || p.ExitCode() != c.exit {
				t.Errorf("%s %q, exit code %d; want %s %q, %d", r.Verdict, r.Reason, p.ExitCode(), c.verdict, c.reason, c.exit)
			}
			for i, s := range r.Subjects {
				if s.Verdict != c.subjects[i] {
					t.Errorf("%s is %s, want %s", s.Subject, s.Verdict, c.subjects[i])
				}
			}
			if r.Verdict == judge.Advised && (r.Code != "spins" || !strings.Contains(r.Message, "a spins") || r.Subjects[0].Remedy == "") {
				t.Errorf("the advice does not say what to do: %+v", r)
			}
		})
	}
}

// What is not followed has not passed, and breaks nothing.
func TestAdviceIsNoPassAndNoBrokenRung(t *testing.T) {
	p := judgedBy(t, rt.Formation(3), finds("x/advice", check.Advice, nil, found("a", check.Fail)), finds("x/passes", check.Latent, nil, found("a", check.Pass)))
	if passed, failed, skipped := p.Counts(); passed != 1 || failed != 0 || skipped != 1 {
		t.Errorf("%d passed, %d failed, %d skipped", passed, failed, skipped)
	}
	if b := p.FirstBroken(); b != nil {
		t.Errorf("first broken is %s", b.ID)
	}
}

// An advice that is not followed is no excuse: whatever its diagnosis claims, what fails above it is red.
func TestAdviceExplainsNothing(t *testing.T) {
	p := judgedBy(t, rt.Formation(3), finds("x/advice", check.Advice, map[string][]string{"spins": {"y/above"}}, found("a", check.Fail)), finds("y/above", check.Required, nil, found("a", check.Fail)))
	if r := result(t, p, "y/above"); r.Verdict != judge.Fail || len(r.BlockedBy) > 0 {
		t.Errorf("y/above is %s by %v", r.Verdict, r.BlockedBy)
	}
}

func TestAdviceMayBeSkippedAndWaived(t *testing.T) {
	s := rt.Formation(3)
	edit(s, func(p *profile.Resolved) {
		p.Skip, p.Waive = map[string]string{"x/skipped": "not ours"}, map[string]string{"x/waived": "on purpose"}
	})
	p := judgedBy(t, s, finds("x/skipped", check.Advice, nil, found("a", check.Fail)), finds("x/waived", check.Advice, nil, found("a", check.Fail)))
	if r := result(t, p, "x/skipped"); r.Verdict != judge.Skip || r.Reason != "not ours" {
		t.Errorf("%s %q", r.Verdict, r.Reason)
	}
	if r := result(t, p, "x/waived"); r.Verdict != judge.Waived || r.Reason != "on purpose" {
		t.Errorf("%s %q", r.Verdict, r.Reason)
	}
}
