package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmCookieFlag() check.Check {
	return check.Check{
		ID: "vm/cookie-flag", Title: "starts the VM with -setcookie, not -cookie", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "The VM ignores -cookie without a message and creates a random cookie in each container: every node refuses every other.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (-cookie, -setcookie)",
		Causes: map[string][]string{"misspelt": check.NeedsMesh("handshake/*")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				_, wrong := recording.Flag(vm.Args, "-cookie")
				if _, right := recording.Flag(vm.Args, "-setcookie"); wrong && !right {
					f.Fail("misspelt", fmt.Sprintf("the command line of the VM of %s has -cookie, which the VM ignores, but no -setcookie", p.Name),
						"write -setcookie instead of -cookie where the flag is set: vm.args, ERL_FLAGS or the start command", evidence.CommandLine(vm, "-cookie")...)
				}
			})
		},
	}
}
