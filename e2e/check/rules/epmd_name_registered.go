package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdNameRegistered() check.Check {
	return check.Check{
		ID: "epmd/name-registered", Title: "keeps every node registered with the epmd of its pod", Rung: check.EPMD, Level: check.Latent, Scenario: "formation", Also: []recording.Scenario{"epmd-killed"}, Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindEPMD},
		Why:    "A node registers once, when it starts. Without its name in epmd no peer can find its port: existing links stay, but the next join or restart fails.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#register-a-node-in-epmd",
		Causes: map[string][]string{
			"not-registered":    check.NeedsEPMD(),
			"registration-lost": {"epmd/one-name", "epmd/port-as-declared", "recovery/*", "rollout/*"},
		},
		Judge: evidence.EachEPMD(nameRegistered),
	}
}

func nameRegistered(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, Try: evidence.ShowNames(v, p)}
	if l, gone := evidence.RegistrationLost(p); gone {
		f.Outcome, f.Code, f.At = check.Fail, "registration-lost", l.Now.T
		f.Message = fmt.Sprintf("epmd on %s listed %s until %.1f s and does not list it any more, although the node still runs: ", l.Now.EPMD.Addr, l.Name, l.Last.Seconds())
		if l.Closed {
			f.Message += "epmd has stopped, its port is closed"
		} else {
			f.Message += fmt.Sprintf("epmd was restarted and lists %d names", len(l.Now.EPMD.Names))
		}
		if act, killed := v.Act(recording.KillEPMD); killed && act.Act.Pod == p.UID {
			f.Message += ": this scenario has killed it, and nobody has started it again. A node that does not know the port of " + p.Name + " cannot connect to it"
		} else {
			f.Message += "; the mesh stays full until the next pod tries to join"
		}
		f.Seen = evidence.Registrations(l.Now.EPMD.Names)
		f.Remedy = "restart " + p.Name + "; make sure that nothing in the container stops epmd (epmd -kill, a start script that runs again), or let the VM start it (no -start_epmd false)"
		return f
	}
	e := evidence.RegisteredNames(p, from, to)
	if e == nil {
		f.Outcome, f.Of, f.Message = check.Unseen, check.PairsTo(v, p), fmt.Sprintf("epmd of %s returned no list of names to any pod", p.Name)
		return f
	}
	f.At = e.T
	name := evidence.ShortName(p.Node())
	if name != "" && evidence.HasName(e.EPMD, name) || name == "" && len(e.EPMD.Names) > 0 {
		return f
	}
	f.Outcome, f.Code = check.Fail, "not-registered"
	f.Seen = evidence.Registrations(e.EPMD.Names)
	f.Message = fmt.Sprintf("epmd on %s answers, but no node is registered: the VM has no distribution, or its registration was lost", e.EPMD.Addr)
	if len(e.EPMD.Names) > 0 {
		f.Message = fmt.Sprintf("epmd on %s answers and lists %d names, but not %s, the name of the node of %s", e.EPMD.Addr, len(e.EPMD.Names), name, p.Name)
	}
	f.Remedy = "start the VM with -name, and make sure that it can reach epmd on 127.0.0.1"
	return f
}
