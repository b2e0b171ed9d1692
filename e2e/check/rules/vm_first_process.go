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
		Why:    "SIGTERM goes to the container's first process. A shell or a script there does not pass it on, unless it has a trap for it: the node never leaves its cluster, and is killed when the grace period is over.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html#os-signal-event-handler",
		Causes: map[string][]string{"shell-first": nil},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// Its name says nothing: a script's is its own. What a trap does is not seen here, but how the node ends is
				// (recovery/exit-clean).
				if vm.NSPID != 1 && vm.FirstDeaf {
					f.Fail("shell-first", fmt.Sprintf("the first process of %s is %s, which takes no notice of SIGTERM, and the VM is process %d: the signal does not reach it", p.Name, vm.First, vm.NSPID),
						`write the entry point as a list, ENTRYPOINT ["/opt/derl/bin/derl"], or begin the script's last line with exec`)
				}
			})
		},
	}
}
