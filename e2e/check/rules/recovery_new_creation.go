package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryNewCreation() check.Check {
	return check.Check{
		ID: "recovery/new-creation", Title: "uses a new creation when a replacement reuses a node name", Rung: check.Recovery, Level: check.Required, Scenario: "recovery",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "Only the creation distinguishes a new node from an old one with the same name. With the same creation, pids and references of the dead node are valid on the new one.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#register-a-node-in-epmd",
		Causes: map[string][]string{"same-creation": nil},
		Judge: func(v *view.View) []check.Finding {
			d, ok := evidence.FindDeletion(v)
			if !ok {
				return evidence.NoDeletion(v)
			}
			var all []check.Finding
			for _, n := range d.Newcomers {
				all = append(all, judgeCreation(d, n))
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Unseen, Message: "no pod replaced " + d.Victim.Name}}
			}
			return all
		},
	}
}

func judgeCreation(d evidence.Deletion, n *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPod(n), Of: []check.Subject{check.OnPod(d.Victim)}, Outcome: check.Pass}
	was, _ := creation(d.Victim)
	now, at := creation(n)
	f.At = at
	switch {
	case d.Victim.Node() == "" || n.Node() == "":
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the node names of %s and %s are not both known", d.Victim.Name, n.Name)
	case d.Victim.Node() != n.Node():
		f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("the replacement has a new node name: %s", n.Node())
	case was == 0 || now == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the creation of %s is not known both before and after the deletion", n.Node())
	case was == now:
		f.Outcome, f.Code = check.Fail, "same-creation"
		f.Message = fmt.Sprintf("%s has creation %d in pod %s, the same as in pod %s: its peers cannot distinguish the new node from the dead one", n.Node(), now, n.Name, d.Victim.Name)
		f.Remedy = "run epmd in the pod, not on the host, and do not start the VM from a checkpoint or snapshot; without epmd the creation is random since OTP 23"
		f.Try = "compare erlang:system_info(creation) on the node before and after a restart"
	}
	return f
}

// creation is the creation that the pod's node last reported, and when; 0 if it did not.
func creation(p *view.Pod) (uint32, time.Duration) {
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if c := p.Nodes[i].Nodes.Creation; c != 0 {
			return c, p.Nodes[i].T
		}
	}
	for i := len(p.Dist) - 1; i >= 0; i-- {
		if d := p.Dist[i].Dist; d.Creation != 0 && d.Node == p.Node() {
			return d.Creation, p.Dist[i].T
		}
	}
	return 0, 0
}
