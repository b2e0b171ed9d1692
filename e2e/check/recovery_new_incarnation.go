package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func recoveryNewIncarnation() Check {
	return Check{
		ID: "recovery/new-incarnation", Title: "is another incarnation where a replacement takes over a name", Rung: Recovery, Level: Required, Scenario: "recovery",
		Why:    "Peers tell the old node from the new one of the same name by its creation alone. With the same creation, references and pids of the dead node point into the living one.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#register-a-node-in-epmd",
		Causes: map[string][]string{"same-creation": nil},
		Judge: func(v *view.View) []Finding {
			d, ok := deleted(v)
			if !ok {
				return noDeletion(v)
			}
			var all []Finding
			for _, n := range d.newcomers {
				all = append(all, incarnation(d, n))
			}
			if len(all) == 0 {
				return []Finding{{Subject: onPod(d.victim), Outcome: Unseen, Message: "no pod took the place of " + d.victim.Name}}
			}
			return all
		},
	}
}

func incarnation(d deletion, n *view.Pod) Finding {
	f := Finding{Subject: onPod(n), Of: []Subject{onPod(d.victim)}, Outcome: Pass}
	was, now := creation(d.victim), creation(n)
	switch {
	case d.victim.Node() == "" || n.Node() == "":
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the node names of %s and %s are not both known", d.victim.Name, n.Name)
	case d.victim.Node() != n.Node():
		f.Outcome, f.Message = NotApplicable, fmt.Sprintf("the replacement has a name of its own: %s", n.Node())
	case was == 0 || now == 0:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the creations of %s before and after were not both seen", n.Node())
	case was == now:
		f.Outcome, f.Code = Fail, "same-creation"
		f.Message = fmt.Sprintf("%s has creation %d in %s as it had in %s: its peers cannot tell the new node from the dead one", n.Node(), now, n.Name, d.victim.Name)
		f.Remedy = "let epmd run in the pod and not on the host, and let no image or snapshot carry a VM's state; without epmd the creation is random from OTP 23 on"
		f.Try = "compare erlang:system_info(creation) on the node before and after a restart"
	}
	return f
}

// creation is what the pod's node last said of its incarnation, 0 where it did not.
func creation(p *view.Pod) uint32 {
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if c := p.Nodes[i].Nodes.Creation; c != 0 {
			return c
		}
	}
	for i := len(p.Dist) - 1; i >= 0; i-- {
		if d := p.Dist[i].Dist; d.Creation != 0 && d.Node == p.Node() {
			return d.Creation
		}
	}
	return 0
}
