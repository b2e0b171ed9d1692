package evidence

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// EachVM judges the BEAM of each member as /proc shows it. The finding is a pass unless judge changes it.
func EachVM(v *view.View, judge func(p *view.Pod, vm *recording.VM, f *check.Finding)) []check.Finding {
	return check.EachPod(v, func(p *view.Pod) check.Finding {
		f := check.Finding{Subject: check.OnPod(p), Of: check.Images(v), Outcome: check.Pass}
		vm := p.VM()
		if vm == nil {
			f.Outcome, f.Message = check.Unseen, "no BEAM process was found in "+p.Name
			if can, known := v.Can(p, "hostpid"); known && !can {
				f.Message += ": the agent of " + p.Last().Node + " cannot read processes (hostPID)"
			} else if known {
				f.Remedy = "if this pod is not an Erlang node, list its manifest in spec.requires of the profile"
			}
			return f
		}
		f.At = p.VMs[len(p.VMs)-1].T
		judge(p, vm, &f)
		if f.Outcome == check.Fail && f.Try == "" {
			f.Try = ShowCommandLine(v, p, vm.NSPID)
		}
		return f
	})
}

// ShowCommandLine is a command that shows the command line of a process of the pod, by its number there.
func ShowCommandLine(v *view.View, p *view.Pod, pid int) string {
	return fmt.Sprintf("kubectl -n %s exec %s -- sh -c 'tr \"\\0\" \" \" </proc/%d/cmdline'", v.Header.Namespace, p.Name, pid)
}

// EachKernel judges the distribution settings that each member's node reports.
func EachKernel(v *view.View, judge func(p *view.Pod, k *recording.Kernel, f *check.Finding)) []check.Finding {
	return check.EachPod(v, func(p *view.Pod) check.Finding {
		f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
		k := p.Kernel()
		if k == nil {
			f.Outcome, f.Message = check.Unseen, "the distribution settings of the node of "+p.Name+" could not be read"
			f.Of = append(check.PairsTo(v, p), check.Images(v)...)
			return f
		}
		f.At = p.Kernels[len(p.Kernels)-1].T
		judge(p, k, &f)
		return f
	})
}

// MostCommon is the value that most of the pods have. "" means that the value of a pod is not known.
func MostCommon(pods []*view.Pod, value func(p *view.Pod) string) string {
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

// PodsWith names the pods of that value.
func PodsWith(pods []*view.Pod, value func(p *view.Pod) string, x string) string {
	var names []string
	for _, p := range pods {
		if value(p) == x {
			names = append(names, p.Name)
		}
	}
	return check.List(names)
}

// CommandLine shows the flags of that name with what follows them.
func CommandLine(vm *recording.VM, names ...string) []string {
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

// NodeName is the name that the VM was started with, and by which flag; flag is "" if it has none.
func NodeName(vm *recording.VM) (name, by string) {
	for _, by = range []string{"-name", "-sname"} {
		if value, is := recording.Flag(vm.Args, by); is {
			return value, by
		}
	}
	return "", ""
}

// SameSetting judges whether each node has the value that most have. A node that lacks the setting is not judged.
func SameSetting(v *view.View, name string, of func(k *recording.Kernel) string) []check.Finding {
	value := func(p *view.Pod) string {
		if k := p.Kernel(); k != nil {
			return of(k)
		}
		return ""
	}
	pods := check.Members(v)
	usual := MostCommon(pods, value)
	return EachKernel(v, func(p *view.Pod, k *recording.Kernel, f *check.Finding) {
		if mine := of(k); mine != "" && mine != usual {
			f.Fail("differs", fmt.Sprintf("%s (%s) has %s %s, %s have %s", k.Node, p.Name, name, mine, PodsWith(pods, value, usual), usual),
				"set "+name+" to the same value in the sys.config of all nodes, and restart those that have an older one")
		}
	})
}
