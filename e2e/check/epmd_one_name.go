package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdOneName() Check {
	return Check{
		ID: "epmd/one-name", Title: "registers one node in each pod", Rung: EPMD, Level: Latent, Scenario: "formation",
		Why:    "A second node in a pod (a helper VM, a start script that runs twice, two pods on the host's network) takes the port or the name that the application needs at its next start.",
		Source: "https://www.erlang.org/doc/apps/erts/epmd_cmd.html",
		Causes: map[string][]string{"several-names": nil},
		Judge:  ofEPMD(oneName),
	}
}

func oneName(v *view.View, p *view.Pod, from, to time.Duration) Finding {
	f := Finding{Subject: onPod(p), Outcome: Pass}
	e := names(p, from, to)
	if e == nil {
		f.Outcome, f.Of, f.Message = Unseen, toward(v, p), fmt.Sprintf("epmd of %s gave no names to anybody", p.Name)
		return f
	}
	f.At = e.T
	var all []recording.Registered
	for _, n := range e.EPMD.Names {
		if !view.Console(n.Name, short(p.Node())) { // somebody looks in; it goes by itself
			all = append(all, n)
		}
	}
	if len(all) > 1 {
		f.Outcome, f.Code = Fail, "several-names"
		f.Message = fmt.Sprintf("epmd on %s lists %d nodes, one is expected", e.EPMD.Addr, len(all))
		f.Seen, f.Try = registrations(all), epmdNames(v, p)
		f.Remedy = "run one node in each pod and on no host network; let helpers that only look in be hidden or use erl_call"
	}
	return f
}

func registrations(names []recording.Registered) []string {
	var all []string
	for _, n := range names {
		all = append(all, fmt.Sprintf("name %s at port %d", n.Name, n.Port))
	}
	return firstOf(all, 8)
}
