package rules

import (
	"fmt"
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func consoleCommandsWork() check.Check {
	return check.Check{
		ID: "console/commands-work", Title: "runs its console commands successfully in a running container", Rung: check.Console, Level: check.Required, Scenario: "console",
		Why:    "ping, eval and a remote console are how an operator inspects a node. They need the name and the cookie that the VM really has, and fail with eaddrinuse if ERL_FLAGS pins the distribution port.",
		Source: "https://github.com/erlware/relx/blob/main/priv/templates/extended_bin",
		Causes: map[string][]string{"command-failed": nil},
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			for _, c := range v.Profile.Console {
				all = append(all, commandOf(v, c.Name))
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile has no console command (spec.console)"}}
			}
			return all
		},
	}
}

// outputLines is how much of a command's output is shown.
const outputLines = 5

// exitOfCommand says how a command ended, or that it did not.
func exitOfCommand(x *recording.Exec) string {
	switch {
	case x.Code < 0:
		return "did not end: " + x.Detail
	case x.Detail != "":
		return fmt.Sprintf("exits with code %d (%s)", x.Code, x.Detail)
	}
	return fmt.Sprintf("exits with code %d", x.Code)
}

func commandOf(v *view.View, name string) check.Finding {
	f := check.Finding{Subject: check.Subject{Kind: "command", Name: name}, Of: check.Everything(v), Outcome: check.Unseen, Message: "the command " + name + " was not run"}
	for _, e := range v.Execs() {
		x := e.Exec
		if x.Name != name {
			continue
		}
		pod := x.Pod
		if p, ok := v.Pod(x.Pod); ok {
			pod = p.Name
		}
		f.At, f.Took = e.T, x.Took
		f.Seen = nil
		lines := strings.Split(strings.TrimSpace(x.Output), "\n")
		for _, l := range lines[max(0, len(lines)-outputLines):] {
			f.Seen = append(f.Seen, "output: "+l)
		}
		f.Try = fmt.Sprintf("kubectl -n %s exec -it %s -- %s", v.Header.Namespace, pod, forShell(x.Command))
		switch {
		case x.Outcome == recording.ProbeError:
			f.Message = fmt.Sprintf("%s could not be run in %s: %s", name, pod, x.Detail)
		case !strings.Contains(x.Output, x.Expect):
			f.Outcome, f.Code = check.Fail, "command-failed"
			f.Message = fmt.Sprintf("%s in %s %s, and its output does not contain %q", name, pod, exitOfCommand(x), x.Expect)
		case x.Code > 0:
			f.Outcome, f.Code = check.Fail, "command-failed"
			f.Message = fmt.Sprintf("%s in %s %s, although its output contains %q", name, pod, exitOfCommand(x), x.Expect)
		default:
			f.Outcome, f.Message, f.Seen, f.Try = check.Pass, "", nil, ""
		}
		return f
	}
	return f
}

// plainWord is a word that a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// forShell is a command as one types it: an expression such as length(nodes()). has characters that mean something to a shell.
func forShell(command []string) string {
	words := make([]string, len(command))
	for i, w := range command {
		if words[i] = w; !plainWord.MatchString(w) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
