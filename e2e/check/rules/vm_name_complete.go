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
		Why:    "A start script replaces an unset variable by an empty string: the VM is started with -name shop@ and stops, or has a name that no peer looks for.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (-name)",
		Causes: check.Alike(check.From(check.DNS, "vm/long-names", "pods/ready"), "no-host", "placeholder", "empty"),
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				name, by := evidence.NodeName(vm)
				seen := evidence.CommandLine(vm, "-name", "-sname")
				const remedy = "define the variable that the name uses in the env of the container, for example {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}"
				switch {
				case by == "" && p.Node() == "":
					f.Skip("the VM of " + p.Name + " has no name at all")
				case by == "":
				case name == "":
					f.Fail("empty", fmt.Sprintf("the VM of %s is started with %s, but no name follows it", p.Name, by), remedy, seen...)
				case strings.Contains(name, "${") || strings.Contains(name, "$("):
					f.Fail("placeholder", fmt.Sprintf("the VM of %s is started with %s %s: the variable was not replaced by a value", p.Name, by, name), remedy, seen...)
				case strings.HasSuffix(name, "@"):
					f.Fail("no-host", fmt.Sprintf("the VM of %s is started with %s %s: the host part is empty, probably because a variable is not set", p.Name, by, name), remedy, seen...)
				}
			})
		},
	}
}
