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
		Why:    "A VM that was started without a name has no distribution: it opens no distribution port, and epmd does not know it. From outside that looks like a blocked port.",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: map[string][]string{"not-distributed": check.From(check.DNS, "vm/*", "pods/ready")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// The application may also start distribution itself (net_kernel:start): then the node has reported its name.
				if _, by := evidence.NodeName(vm); by != "" || p.Node() != "" {
					return
				}
				remedy := "start the VM with -name NAME@${POD_IP} (in vm.args, or in ERL_FLAGS)"
				message := fmt.Sprintf("the VM of %s runs without distribution: its command line has neither -name nor -sname", p.Name)
				if mode := vm.Env["RELEASE_DISTRIBUTION"]; mode == "none" {
					message += ", and RELEASE_DISTRIBUTION is none"
					remedy = "set RELEASE_DISTRIBUTION=name and RELEASE_NODE=NAME@$(POD_IP)"
				}
				f.Fail("not-distributed", message, remedy, fmt.Sprintf("process %d (%d in the container)", vm.PID, vm.NSPID))
			})
		},
	}
}
