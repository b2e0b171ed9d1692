package rules

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryFullAgain() check.Check {
	return check.Check{
		ID: "recovery/full-again", Title: "forms a full mesh again after a pod was replaced", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "all-pods", "scale", "node-drain", "node-stop", "epmd-killed"}, Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "That the replacement joins is not enough: nodes that were not touched can lose each other at the same time, and not reconnect.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"not-in-view": nil},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			d, ok := evidence.FindDeletion(v)
			if !ok {
				return evidence.NoDeletion(v)
			}
			pods := v.Expected(v.End())
			if len(pods) < 2 {
				return evidence.TooFewOthers(v, 1)
			}
			first, full := v.FirstFull(d.Act.T + 1)
			membership, of := v.Membership(pods, v.End()), evidence.GroupsAtEnd(v)
			var all []check.Finding
			for i, p := range pods {
				found := evidence.FullAgain(v, d.Since, membership, of, i, p)
				if f := &found[0]; f.Outcome == check.Pass && full && v.Mesh(v.End()).Full {
					f.Took = max(first, v.Mesh(v.End()).Since) - d.Act.T
				}
				all = append(all, found...)
			}
			return all
		}),
	}
}
