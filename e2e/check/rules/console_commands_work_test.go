package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestConsoleCommandsWork(t *testing.T) {
	isExec := func(e recording.Event) bool { return e.Exec != nil }
	try(t, "console/commands-work", []trial{
		{"another answer", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output = 1, "Node is not running!\n" })
		}, []want{{"command ping", check.Fail, "command-failed", []string{rt.Name(0), "exits with code 1", `"pong"`, "Node is not running!", "bin/derl ping"}}}},
		{"the right answer, and an error", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output = 3, "a\nb\nc\nd\ne\npong\n" })
		}, []want{{"command ping", check.Fail, "command-failed", []string{"exits with code 3, although", "output: b", "output: pong"}}}},
		{"a command with an expression", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) {
				e.Exec.Code, e.Exec.Output, e.Exec.Command = 1, "", []string{"/opt/derl/bin/derl", "eval", "{a, 'b'}."}
			})
		}, []want{{"command ping", check.Fail, "command-failed", []string{`-- /opt/derl/bin/derl eval '{a, '\''b'\''}.'`}}}},
		{"no end", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) {
				e.Exec.Code, e.Exec.Output, e.Exec.Detail = -1, "", "still running after 1m0s"
			})
		}, []want{{"command ping", check.Fail, "command-failed", []string{"did not end: still running after 1m0s, and its output does not contain"}}}},
		{"no end, and the right answer", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Detail = -1, "still running after 1m0s" })
		}, nil},
		{"no such program", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output, e.Exec.Detail = 127, "", "stat /x: no such file" })
		}, []want{{"command ping", check.Fail, "command-failed", []string{"exits with code 127 (stat /x: no such file)"}}}},
		{"could not be run", func(s *rt.Recording) {
			s.Change(isExec, func(e *recording.Event) {
				e.Exec.Outcome, e.Exec.Output, e.Exec.Detail = recording.ProbeError, "", "the API server said 500"
			})
		}, []want{{"command ping", check.Unseen, "", []string{rt.Name(0), "the API server said 500"}}}},
		{"was not run", func(s *rt.Recording) { s.Drop(isExec) }, []want{{"command ping", check.Unseen, "", []string{"not run"}}}},
		{"none in the profile", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Console = nil }) }, []want{{whole, check.NotApplicable, "", []string{"no console command"}}}},
	})
}
