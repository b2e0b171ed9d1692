package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmNameComplete() check.Check {
	return check.Check{
		ID: "vm/name-complete", Title: "starts the VM with a complete node name", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A start script puts nothing in the place of a variable that is not set: the VM is told -name shop@ and stops, or takes a name that no peer looks for.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (-name)",
		Causes: check.Alike(check.From(check.DNS, "vm/long-names", "pods/ready"), "no-host", "placeholder", "empty"),
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				name, by := evidence.NodeName(vm)
				seen := evidence.CommandLine(vm, "-name", "-sname")
				const remedy = "have the variable in the container's env: {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}"
				switch {
				case by == "" && p.Node() == "":
					f.Skip("the VM of " + p.Name + " has no name at all")
				case by == "":
				case name == "":
					f.Fail("empty", fmt.Sprintf("the VM of %s is started with %s and no name behind it", p.Name, by), remedy, seen...)
				case strings.Contains(name, "${") || strings.Contains(name, "$("):
					f.Fail("placeholder", fmt.Sprintf("the VM of %s is started with %s %s: nothing was put in the variable's place", p.Name, by, name), remedy, seen...)
				case strings.HasSuffix(name, "@"):
					f.Fail("no-host", fmt.Sprintf("the VM of %s is started with %s %s: the host part is empty, as of a variable that is not set", p.Name, by, name), remedy, seen...)
				}
			})
		},
	}
}
