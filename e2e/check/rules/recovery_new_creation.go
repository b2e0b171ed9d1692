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
		ID: "recovery/new-creation", Title: "uses a new creation when a replacement reuses a node name", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "all-pods", "node-drain"},
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes, recording.KindDist},
		Why:    "Only the creation distinguishes a new node from an old one with the same name. With the same creation, pids and references of the dead node are valid on the new one.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#register-a-node-in-epmd",
		Causes: map[string][]string{"same-creation": nil},
		Judge: func(v *view.View) []check.Finding {
			removed := evidence.FindDeletions(v)
			if len(removed) == 0 {
				return evidence.NoDeletion(v)
			}
			d := removed[0]
			var all []check.Finding
			for _, n := range d.Newcomers {
				all = append(all, judgeCreation(evidence.Replaced(removed, n), n, v.End()))
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Unseen, Message: "no pod replaced " + d.Victim.Name}}
			}
			return all
		},
	}
}

func judgeCreation(d evidence.Deletion, n *view.Pod, end time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(n), Of: []check.Subject{check.OnPod(d.Victim)}, Outcome: check.Pass}
	was, _ := d.Victim.CreationAt(end)
	now, at := n.CreationAt(end)
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
