package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// eachVM judges the BEAM of each member as /proc shows it. The finding is a pass until judge makes something else of it.
func eachVM(v *view.View, judge func(p *view.Pod, vm *recording.VM, f *Finding)) []Finding {
	return eachMember(v, func(p *view.Pod) Finding {
		f := Finding{Subject: onPod(p), Of: images(v), Outcome: Pass}
		vm := p.VM()
		if vm == nil {
			f.Outcome, f.Message = Unseen, "no BEAM was seen in "+p.Name
			if can, known := v.Can(p, "hostpid"); known && !can {
				f.Message += ": the agent of " + p.Last().Node + " cannot look into processes"
			} else if known {
				f.Remedy = "where this pod is not meant to be a node, move its manifest to the profile's spec.requires"
			}
			return f
		}
		f.At = p.VMs[len(p.VMs)-1].T
		judge(p, vm, &f)
		if f.Outcome == Fail && f.Try == "" {
			f.Try = showArgs(v, p, vm.NSPID)
		}
		return f
	})
}

// showArgs is a command that shows the command line of a process of the pod, by its number there.
func showArgs(v *view.View, p *view.Pod, pid int) string {
	return fmt.Sprintf("kubectl -n %s exec %s -- sh -c 'tr \"\\0\" \" \" </proc/%d/cmdline'", v.Header.Namespace, p.Name, pid)
}

// eachKernel judges what each member's node says of its own distribution.
func eachKernel(v *view.View, judge func(p *view.Pod, k *recording.Kernel, f *Finding)) []Finding {
	return eachMember(v, func(p *view.Pod) Finding {
		f := Finding{Subject: onPod(p), Outcome: Pass}
		k := p.Kernel()
		if k == nil {
			f.Outcome, f.Message = Unseen, "the node of "+p.Name+" did not say how its distribution is set"
			f.Of = append(toward(v, p), images(v)...)
			return f
		}
		f.At = p.Kernels[len(p.Kernels)-1].T
		judge(p, k, &f)
		return f
	})
}

// most is the value that most of the pods have. A pod whose value is "" did not tell it.
func most(pods []*view.Pod, value func(p *view.Pod) string) string {
	count := map[string]int{}
	best := ""
	for _, p := range pods {
		x := value(p)
		if x == "" {
			continue
		}
		if count[x]++; best == "" || count[x] > count[best] {
			best = x
		}
	}
	return best
}

// having names the pods of that value.
func having(pods []*view.Pod, value func(p *view.Pod) string, x string) string {
	var names []string
	for _, p := range pods {
		if value(p) == x {
			names = append(names, p.Name)
		}
	}
	return list(names)
}

// commandLine shows the flags of that name with what follows them.
func commandLine(vm *recording.VM, names ...string) []string {
	var all []string
	for _, name := range names {
		if value, is := recording.Flag(vm.Args, name); is {
			all = append(all, strings.TrimSpace("command line: … "+name+" "+value))
		}
	}
	for _, l := range vm.VMArgs {
		for _, name := range names {
			if strings.HasPrefix(l, name+" ") || l == name {
				all = append(all, vm.VMArgsPath+": "+l)
			}
		}
	}
	return all
}

// nodeName is the name that the VM was started with, and by which flag; flag is "" where it has none.
func nodeName(vm *recording.VM) (name, by string) {
	for _, by = range []string{"-name", "-sname"} {
		if value, is := recording.Flag(vm.Args, by); is {
			return value, by
		}
	}
	return "", ""
}
