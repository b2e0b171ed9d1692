package check

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmBusyWait() Check {
	return Check{
		ID: "vm/busy-wait", Title: "does not spin its schedulers under a CPU limit", Rung: VM, Level: Advice, Scenario: "formation",
		Why:    "Schedulers spin for a while before they sleep. Under a CPU limit that time is taken from the work, and a throttled node misses its ticks.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (+sbwt)",
		Causes: map[string][]string{"spins": nil},
		Judge: func(v *view.View) []Finding {
			m := decode(v)
			return eachVM(v, func(p *view.Pod, vm *recording.VM, f *Finding) {
				limit := ""
				for _, w := range m.members() {
					if covers(p.Last().Labels, w.labels()) {
						limit = w.cpuLimit()
					}
				}
				switch {
				case limit == "":
					f.skip("no manifest sets a CPU limit for " + p.Name)
				case !sleeps(vm):
					f.fail("spins", fmt.Sprintf("%s has a CPU limit of %s, and its VM spins while it waits (no +sbwt none)", p.Name, limit), "+sbwt none +sbwtdcpu none +sbwtdio none in vm.args.src")
				}
			})
		},
	}
}

// cpuLimit is the first limit of the workload's containers, or "".
func (w *workload) cpuLimit() string {
	for _, c := range w.Spec.Template.Spec.Containers {
		if l := c.Resources.Limits["cpu"]; l != nil {
			return fmt.Sprint(l)
		}
	}
	return ""
}

// sleeps reports whether the schedulers' busy wait is off. erlexec gives + flags to the VM as - flags, before the --.
func sleeps(vm *recording.VM) bool {
	i := slices.IndexFunc(vm.Args, func(a string) bool { return a == "-sbwt" || a == "+sbwt" })
	return i >= 0 && i+1 < len(vm.Args) && strings.HasSuffix(vm.Args[i+1], "none")
}
