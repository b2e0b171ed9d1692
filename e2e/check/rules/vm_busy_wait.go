package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmBusyWait() check.Check {
	return check.Check{
		ID: "vm/busy-wait", Title: "does not busy-wait in its schedulers under a CPU limit", Rung: check.VM, Level: check.Advice, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "Schedulers busy-wait for a while before they sleep. Under a CPU limit, this uses up CPU time that the work needs, and a throttled node misses its ticks.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (+sbwt)",
		Causes: map[string][]string{"spins": nil},
		Judge: func(v *view.View) []check.Finding {
			m := objects.Read(v)
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				limit := ""
				for _, w := range m.Members {
					if manifest.Covers(p.Last().Labels, w.Labels()) {
						limit = cpuLimit(w)
					}
				}
				switch {
				case limit == "":
					f.Skip("no manifest sets a CPU limit for " + p.Name)
				case !busyWaitOff(vm):
					f.Fail("spins", fmt.Sprintf("%s has a CPU limit of %s, but its schedulers busy-wait (no +sbwt none)", p.Name, limit), "start the VM with +sbwt none +sbwtdcpu none +sbwtdio none (in vm.args, or in ERL_FLAGS)")
				}
			})
		},
	}
}

// cpuLimit is the first limit of the workload's containers, or "".
func cpuLimit(w *manifest.Workload) string {
	for _, c := range w.Containers(manifest.Main) {
		if l, there := c.Resources.Limits[corev1.ResourceCPU]; there {
			return l.String()
		}
	}
	return ""
}

// busyWaitOff reports whether the schedulers' busy wait is off. erlexec passes + flags to the VM as - flags, before the --.
func busyWaitOff(vm *recording.VM) bool {
	i := slices.IndexFunc(vm.Args, func(a string) bool { return a == "-sbwt" || a == "+sbwt" })
	return i >= 0 && i+1 < len(vm.Args) && strings.HasSuffix(vm.Args[i+1], "none")
}
