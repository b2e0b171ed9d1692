package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdPortAsDeclared() check.Check {
	return check.Check{
		ID: "epmd/port-as-declared", Title: "registers the declared distribution port", Rung: check.EPMD, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindEPMD},
		Why:    "A port that is not pinned changes at every start: it works only until a NetworkPolicy, a firewall or a service mesh allows just the declared port.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (inet_dist_listen_min, inet_dist_listen_max)",
		Causes: map[string][]string{"port-unpinned": nil},
		Judge:  evidence.EachEPMD(portAsDeclared),
	}
}

func portAsDeclared(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	declared, name := v.Profile.DistPort, evidence.ShortName(p.Node())
	e := evidence.RegisteredNames(p, from, to)
	if e == nil {
		f.Outcome, f.Of, f.Message = check.Unseen, check.PairsTo(v, p), fmt.Sprintf("epmd of %s returned no list of names to any pod", p.Name)
		return f
	}
	f.At = e.T
	if declared == 0 {
		f.Outcome = check.NotApplicable
		f.Message = "the manifests declare no distribution port (no container port with \"dist\" in its name)"
		return f
	}
	for _, n := range e.EPMD.Names {
		if name != "" && n.Name != name {
			continue
		}
		if n.Port != declared {
			f.Outcome, f.Code = check.Fail, "port-unpinned"
			f.Message = fmt.Sprintf("epmd on %s advertises port %d for %s, but the manifests declare port %d: inet_dist_listen_min/max did not reach the VM", e.EPMD.Addr, n.Port, n.Name, declared)
			f.Seen, f.Try = evidence.Registrations(e.EPMD.Names), evidence.ShowNames(v, p)
			f.Remedy = fmt.Sprintf("set {kernel, [{inet_dist_listen_min, %d}, {inet_dist_listen_max, %d}]} in sys.config, and remove what overrides it (ERL_FLAGS, vm.args)", declared, declared)
		}
		return f
	}
	f.Outcome, f.Message = check.Unseen, fmt.Sprintf("epmd on %s does not list the node of %s", e.EPMD.Addr, p.Name)
	return f
}
