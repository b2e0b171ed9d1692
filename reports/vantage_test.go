package reports_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports"
)

// Why there is no agent is said once, and how much was seen; each check that is lost has a line. What is accepted has a count of its
// own everywhere.
func TestWithoutAgents(t *testing.T) {
	const why, dns = `pods "meshproof-agent" is forbidden: no hostPID here`, "what a pod's DNS queries are answered, which takes an agent"
	unseen := func(id string, pods ...string) judge.Result {
		r := judge.Result{ID: id, Title: "does x", Rung: check.DNS, Level: check.Required, Scenario: "formation", Verdict: judge.Unknown, Unseen: dns, Message: "unseen: " + dns}
		for _, p := range pods {
			r.Subjects = append(r.Subjects, judge.Subject{Verdict: judge.Unknown, Finding: check.Finding{Subject: check.Subject{Kind: "pod", Name: p}, Outcome: check.Unseen, Message: r.Message, Vantage: dns}})
		}
		return r
	}
	p := reports.Profile{Profile: judge.Profile{Name: "dns-a", Vantage: &judge.Vantage{Reason: why, Seen: 1, Apply: 2}, Results: []judge.Result{
		{ID: "pods/ready", Title: "has every pod Ready", Rung: check.Pods, Level: check.Required, Scenario: "formation", Verdict: judge.Pass},
		unseen("dns/resolver-answers", "a", "b", "c"),
	}}}
	written := func() (console, junit, summary string) {
		r := &reports.Run{Profiles: []reports.Profile{p}, Started: time.Unix(0, 0)}
		r.Close(nil, time.Unix(9, 0))
		var c, j, s strings.Builder
		out := reports.Console{W: &c}
		out.Profiles(r.Profiles)
		out.Counts(r)
		if err := reports.JUnit(&j, r); err != nil {
			t.Fatal(err)
		}
		reports.Summary(&s, r)
		return c.String(), j.String(), s.String()
	}
	console, junit, summary := written()
	for _, want := range []string{"seen 1 of 2 checks that apply: there is no agent, because " + why + "\n", "UNKNOWN  dns/resolver-answers", "1 passed, 1 failed, 0 skipped\n"} {
		if !strings.Contains(console, want) {
			t.Errorf("the console lacks %q:\n%s", want, console)
		}
	}
	if n := strings.Count(console, "           unseen: "+dns); n != 1 || strings.Count(console, why) != 1 {
		t.Errorf("the reason of the check is said %d times:\n%s", n, console)
	}
	if !strings.Contains(junit, `<error type="unknown" message="unseen: `) || !strings.Contains(summary, "seen 1 of 2 checks") {
		t.Errorf("%s\n%s", junit, summary)
	}
	p.AcceptUnseen()
	console, junit, summary = written()
	for _, want := range []string{"accepted dns/resolver-answers", "accepted as unseen: " + dns, "1 passed, 0 failed, 1 skipped (1 of them accepted as unseen)\n"} {
		if !strings.Contains(console, want) {
			t.Errorf("the console lacks %q:\n%s", want, console)
		}
	}
	if !strings.Contains(junit, `<skipped message="accepted as unseen: `) || strings.Contains(junit, "<error") || !strings.Contains(summary, "1 of them accepted as unseen") {
		t.Errorf("%s\n%s", junit, summary)
	}
}
