package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmFirstProcess() check.Check {
	return check.Check{
		ID: "vm/first-process", Title: "delivers SIGTERM to the VM", Rung: check.VM, Level: check.Advice, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "SIGTERM goes to the container's first process. A shell or a script there does not forward it, unless it has a trap for it: the node does not leave its cluster properly, and is killed when the grace period is over.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html#os-signal-event-handler",
		Causes: map[string][]string{"shell-first": nil},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// The name of the first process proves nothing: a script has its own name. What a trap does is not seen here;
				// how the node exits is judged by recovery/exit-clean.
				if vm.NSPID != 1 && vm.FirstDeaf {
					f.Fail("shell-first", fmt.Sprintf("the first process of %s is %s, which ignores SIGTERM, and the VM is process %d: the signal does not reach the VM", p.Name, vm.First, vm.NSPID),
						`write the entry point of the image in exec form, ENTRYPOINT ["/path/to/program"], or start the VM with exec in the last line of the script`)
				}
			})
		},
	}
}
