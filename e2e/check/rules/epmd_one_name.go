package rules

import (
	"fmt"
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
		if !view.Console(n.Name, evidence.ShortName(p.Node())) { // a remote console; it is there only for a while
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
