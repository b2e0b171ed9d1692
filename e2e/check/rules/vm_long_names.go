package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func vmLongNames() check.Check {
	return check.Check{
		ID: "vm/long-names", Title: "uses long node names on all nodes", Rung: check.VM, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "A node with a short name refuses every peer whose host part contains a dot, and an IP address contains three: nodes with long and with short names never connect.",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: check.Alike(check.NeedsMesh("dist/*", "handshake/*", "discovery/*"), "short-among-long", "short-names"),
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			long := evidence.PodsWith(pods, naming, "longnames")
			// Short names work if all short host names resolve: then the mesh is full.
			full := v.Mesh(v.End()).Full
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) {
				const remedy = "start all nodes with -name and a host that peers can resolve: -name NAME@${POD_IP} (Elixir release: RELEASE_DISTRIBUTION=name)"
				seen := evidence.CommandLine(vm, "-name", "-sname")
				switch {
				case naming(p) == "":
					f.Skip("the VM of " + p.Name + " has no name")
				case naming(p) == "longnames" || full:
				case long != "":
					f.Fail("short-among-long", fmt.Sprintf("the node %s of %s has a short name, but %s use long names: they never connect", p.Node(), p.Name, long), remedy, seen...)
				case v.Profile.Service != "":
					f.Fail("short-names", fmt.Sprintf("the node %s of %s has a short name, but its peers find it by its address %s: the host part of a short name must have no dot", p.Node(), p.Name, p.IP()), remedy, seen...)
				}
			})
		},
	}
}

// naming is "longnames" or "shortnames" as the node itself reports, otherwise by its command line, or "".
func naming(p *view.Pod) string {
	if k := p.Kernel(); k != nil && k.Names != "" {
		return k.Names
	}
	if vm := p.VM(); vm != nil {
		switch _, by := evidence.NodeName(vm); by {
		case "-name":
			return "longnames"
		case "-sname":
			return "shortnames"
		}
	}
	return ""
}
