package judge_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/view"
)

// The writer of a healthy run may be killed at any time. Nothing fails because of that, and nothing passes but what the manifests
// decide; with its end the same recording passes.
func TestKilledWriters(t *testing.T) {
	for n, lines := range written(t) {
		whole, err := view.Read(strings.NewReader(strings.Join(lines, "")))
		if err != nil || whole.Killed() != "" || n >= 5 && whole.Profile.Mutant != "" {
			continue // a mutant's failures are no proof of anything
		}
		for at := 1; at < len(lines)-1; at += 1 + len(lines)/60 {
			v, err := view.Read(strings.NewReader(strings.Join(lines[:at], "")))
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("the recording has no end: its writer was killed at %.1f s", v.End().Seconds())
			for _, r := range judge.Judge("x", []judge.Scenario{{Name: v.Header.Scenario, View: v}}, rules.All()).Results {
				static := r.Rung == check.Manifest || strings.HasPrefix(r.ID, "service/")
				if r.Verdict == judge.Fail || r.Verdict == judge.Pass && !static {
					t.Errorf("%s of recording %d, cut after %d lines (%s): %s is %s: %s", v.Header.Scenario, n, at, want, r.ID, r.Verdict, r.Message)
				}
				if r.ID == "mesh/stable" && r.Verdict == judge.Unknown && strings.Contains(r.Message, "no end") && r.Message != want {
					t.Errorf("it says %q, want %q", r.Message, want)
				}
			}
		}
	}
}

// A failure that was seen stays, whatever came later.
func TestAKilledWriterTakesNoFailureBack(t *testing.T) {
	whole := readFixture(t, "cookie-differs")
	lines := bytes.SplitAfter(whole, []byte("\n"))
	cut, err := view.Read(bytes.NewReader(bytes.Join(lines[:len(lines)-2], nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range judge.Judge("x", []judge.Scenario{{Name: cut.Header.Scenario, View: cut}}, rules.All()).Results {
		if r.ID == "handshake/cookie-accepted" && r.Verdict != judge.Fail {
			t.Errorf("%s is %s: %s", r.ID, r.Verdict, r.Message)
		}
	}
}
