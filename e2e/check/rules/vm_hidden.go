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
		Why:    "A hidden node is in nobody's nodes() and is left out of global and pg: to its peers it is not there, though they are connected.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden": check.NeedsMesh("epmd/registration-type", "handshake/allowed", "handshake/acceptor-prompt", "handshake/name*", "handshake/flags", "handshake/wrong-cookie-refused")},
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			shown := evidence.PodsWith(pods, showing, "normal")
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				// Where all are hidden, that is how this cluster is meant to be.
				if showing(p) == "hidden" && shown != "" {
					f.Fail("hidden", fmt.Sprintf("the node of %s is hidden (-hidden), %s are not: it will never be in their nodes()", p.Name, shown),
						"take -hidden out of its command line, or keep that pod out of the workload", evidence.CommandLine(vm, "-hidden")...)
				}
			})
		},
	}
}

// showing is "hidden" or "normal", as the VM was started or as it is registered.
func showing(p *view.Pod) string {
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
