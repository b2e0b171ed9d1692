package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdOneName() check.Check {
	return check.Check{
		ID: "epmd/one-name", Title: "registers one node per pod", Rung: check.EPMD, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindEPMD},
		Why:    "A second node in a pod (a helper VM, a start script that runs twice, two pods on the host's network) takes the port or the name that the application needs when it starts next.",
		Source: "https://www.erlang.org/doc/apps/erts/epmd_cmd.html",
		Causes: map[string][]string{"several-names": nil},
		Judge:  evidence.EachEPMD(oneName),
	}
}

func oneName(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	e := evidence.RegisteredNames(p, from, to)
	if e == nil {
		f.Outcome, f.Of, f.Message = check.Unseen, check.PairsTo(v, p), fmt.Sprintf("epmd of %s returned no list of names to any pod", p.Name)
		return f
	}
	f.At = e.T
	var all []recording.Registered
	for _, n := range e.EPMD.Names {
		// A remote console is there only for a while; a VM of another container disturbs nobody.
		if !view.Console(n.Name, evidence.ShortName(p.Node())) && !beside(v, p, n) {
			all = append(all, n)
		}
	}
	if len(all) > 1 {
		f.Outcome, f.Code = check.Fail, "several-names"
		f.Message = fmt.Sprintf("epmd on %s lists %d nodes, but one is expected", e.EPMD.Addr, len(all))
		f.Seen, f.Try = evidence.Registrations(all), evidence.ShowNames(v, p)
		f.Remedy = "run one node per pod, without hostNetwork; start helper VMs as hidden nodes, or use erl_call instead"
	}
	return f
}

// beside reports whether a registered name is that of a VM in another container of the pod that is no member: no node of the workload
// has that name or sees it, and it does not listen where the node has to.
func beside(v *view.View, p *view.Pod, n recording.Registered) bool {
	if len(p.Last().Containers) < 2 || n.Port == v.Profile.DistPort {
		return false
	}
	for _, q := range v.Pods() {
		if evidence.ShortName(q.Node()) == n.Name {
			return false
		}
		for _, e := range q.Nodes {
			if slices.ContainsFunc(e.Nodes.Visible, func(name string) bool { return strings.HasPrefix(name, n.Name+"@") }) {
				return false
			}
		}
	}
	return true
}
