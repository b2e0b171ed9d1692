package reports

import (
	"bytes"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/judge"
)

func TestInLine(t *testing.T) {
	for s, want := range map[string]string{
		"":                           "",
		"one":                        "one",
		"  one, as it is":            "  one, as it is",
		"one\n":                      "one",
		"\n\n one\ntwo":              "one (and one more line in the report)",
		"one\n\ntwo\nthree\n\n":      "one (and 2 more lines in the report)",
		"probe failed: \n  Error:\n": "probe failed: (and one more line in the report)",
	} {
		if got := inLine(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// Whatever a probe printed, each piece of evidence is one line of the console, indented; in JUnit all its lines are.
func TestEvidenceOfManyLines(t *testing.T) {
	printed := "event: Unhealthy: Readiness probe failed: Error:" + strings.Repeat("\n* timeout", 38)
	f := check.Finding{Subject: check.Subject{Kind: "pod", Name: "rabbitmq-0"}, Outcome: check.Fail, Message: "it is not Ready:\nfor a reason", Seen: []string{printed}}
	r := judge.Result{ID: "pods/ready", Verdict: judge.Fail, Message: f.Message, Subjects: []judge.Subject{{Finding: f, Verdict: judge.Fail}}}
	var b bytes.Buffer
	explain(&b, r)
	want := "           it is not Ready: (and one more line in the report)\n" +
		"             seen: event: Unhealthy: Readiness probe failed: Error: (and 38 more lines in the report)\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	lines := strings.Split(strings.TrimSpace(detail(r)), "\n")
	if len(lines) != 41 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines[1:] {
		if !strings.HasPrefix(l, "  ") {
			t.Errorf("%q is not indented", l)
		}
	}
	if h := headline("shop", &r); strings.Contains(h, "\n") {
		t.Errorf("%q", h)
	}
}
