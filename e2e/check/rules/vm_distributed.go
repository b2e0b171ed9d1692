package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmDistributed() check.Check {
	return check.Check{
		ID: "vm/distributed", Title: "starts the VM with distribution enabled", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A VM that was started without a name has no distribution at all: it opens no port, and epmd does not know it. That looks like a closed port, and is none.",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: map[string][]string{"not-distributed": check.From(check.DNS, "vm/*", "pods/ready")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// A node may also be named by its own code, once it runs (net_kernel:start): then it has said its name.
				if _, by := evidence.NodeName(vm); by != "" || p.Node() != "" {
					return
				}
				remedy := "start it with -name derl@${POD_IP} in vm.args.src"
				says := fmt.Sprintf("the VM of %s is not distributed: its command line has neither -name nor -sname", p.Name)
				if mode := vm.Env["RELEASE_DISTRIBUTION"]; mode == "none" {
					says += ", and RELEASE_DISTRIBUTION is none"
					remedy = "set RELEASE_DISTRIBUTION=name and RELEASE_NODE=shop@$(POD_IP)"
				}
				f.Fail("not-distributed", says, remedy, fmt.Sprintf("process %d (%d in the container)", vm.PID, vm.NSPID))
			})
		},
	}
}
