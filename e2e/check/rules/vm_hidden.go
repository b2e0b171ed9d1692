package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmHidden() check.Check {
	return check.Check{
		ID: "vm/hidden", Title: "does not start its members as hidden nodes", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A hidden node is not in the nodes() of its peers and takes no part in global and pg: its peers ignore it, although they are connected.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden": check.NeedsMesh("epmd/registration-type", "handshake/allowed", "handshake/acceptor-prompt", "handshake/name*", "handshake/flags", "handshake/wrong-cookie-refused")},
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			visible := evidence.PodsWith(pods, nodeType, "normal")
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// If all are hidden, this cluster is meant to be so.
				if nodeType(p) == "hidden" && visible != "" {
					f.Fail("hidden", fmt.Sprintf("the node of %s is hidden (-hidden), but %s are not: it will never be in their nodes()", p.Name, visible),
						"remove -hidden from its command line, or remove this pod from the workload", evidence.CommandLine(vm, "-hidden")...)
				}
			})
		},
	}
}

// nodeType is "hidden" or "normal", as the VM was started or as it is registered.
func nodeType(p *view.Pod) string {
	vm := p.VM()
	if vm == nil {
		return ""
	}
	if _, is := recording.Flag(vm.Args, "-hidden"); is {
		return "hidden"
	}
	if n := len(p.Registrations); n > 0 && p.Registrations[n-1].Registration.Type == "hidden" {
		return "hidden"
	}
	return "normal"
}
