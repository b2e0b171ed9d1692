package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdListens() check.Check {
	return check.Check{
		ID: "epmd/listens", Title: "has an epmd in each pod that its peers can reach", Rung: check.EPMD, Level: check.Latent, Scenario: recording.Inspect,
		Reads:  []recording.Kind{recording.KindPod, recording.KindSockets, recording.KindVM},
		Why:    "Links that exist do not need epmd. When it has ended, or listens on loopback only, nobody notices until a pod is replaced: the new one cannot find the others.",
		Source: "https://www.erlang.org/doc/apps/erts/epmd_cmd.html",
		Causes: check.Alike(check.NeedsEPMD(), "dead", "loopback-only"),
		Judge: func(v *view.View) []check.Finding {
			if v.EPMDLess() {
				return evidence.WithoutEPMD(v)
			}
			return evidence.EachVM(v, func(p *view.Pod, vm *recording.VM, f *check.Finding) { listensFor(v, p, vm, f) })
		},
	}
}

func listensFor(v *view.View, p *view.Pod, vm *recording.VM, f *check.Finding) {
	if _, by := evidence.NodeName(vm); by == "" {
		f.Skip("the VM of " + p.Name + " was started without a node name, so it need not be found")
		return
	}
	if i := slices.IndexFunc(vm.Args, func(a string) bool { return a == "-epmd_module" || a == "-address_resolver" }); i >= 0 {
		f.Skip("the nodes find each other's ports by a module of their own (" + vm.Args[i] + ")")
		return
	}
	e := evidence.LastTable(p)
	if e == nil {
		f.Outcome, f.Message = check.Unseen, "the socket table of "+p.Name+" was not read"
		return
	}
	f.At = e.T
	var here []string
	loopback := true
	for _, s := range e.Sockets.Listen {
		if a, err := netip.ParseAddrPort(s); err == nil && int(a.Port()) == v.Profile.EPMDPort {
			here = append(here, s)
			loopback = loopback && a.Addr().Unmap().IsLoopback()
		}
	}
	switch {
	case len(here) == 0:
		f.Fail("dead", fmt.Sprintf("epmd of %s is dead: nothing listens on port %d in the pod. Once another pod is replaced, the new one cannot find %s", p.Name, v.Profile.EPMDPort, evidence.NodeOrPod(p)),
			"restart "+p.Name+", at a time at which the others run; and find what stops epmd (epmd -kill, a start script that runs again)")
	case loopback:
		f.Fail("loopback-only", fmt.Sprintf("epmd of %s listens on %s only, which no peer can reach", p.Name, strings.Join(here, " and ")),
			"remove ERL_EPMD_ADDRESS, or add the pod's address to it, and restart the pods")
	}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- cat /proc/net/tcp /proc/net/tcp6", v.Header.Namespace, p.Name)
}
