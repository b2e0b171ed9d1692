package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryHeals() check.Check {
	return check.Check{
		ID: "recovery/heals", Title: "forms a full mesh again by itself when a disturbance is over", Rung: check.Recovery, Level: check.Required, Settles: true,
		Scenario: "link-cut", Also: []recording.Scenario{"one-way-cut", "split", "majorities-ring", "blip-5", "blip-50", "blip-500", "link-reset", "dns-slow", "dns-outage", "large-segments"},
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "Networks break and come back. A node that does not connect again to the peers that it has lost, or only after a restart, leaves a cluster in parts until somebody looks.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"not-in-view": nil, "restarted": nil},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			d, ok := v.Disturbance()
			if !ok {
				return evidence.NothingDone(v)
			}
			budget := v.Profile.Budgets.Recovery.D()
			full := v.Mesh(v.End()).Full
			if waited := v.End() - d.Over(); !d.Healed || !full && waited < budget {
				return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: fmt.Sprintf("the recording ends %.1f s after the disturbance, and the mesh may take %.0f s", waited.Seconds(), budget.Seconds())}}
			}
			since := func(t time.Duration) string {
				return fmt.Sprintf("%.0f s after it was over that %s", (t - d.Over()).Seconds(), evidence.WhatWasDone(d))
			}
			pods := v.Expected(v.End())
			if len(pods) < 2 {
				return evidence.NothingDone(v)
			}
			first, _ := v.FirstFull(d.Over() + 1)
			membership, of := v.Membership(pods, v.End()), evidence.GroupsAtEnd(v)
			var all []check.Finding
			for i, p := range pods {
				if f, again := restarted(d, p, v.End()); again {
					all = append(all, f)
					continue
				}
				found := evidence.FullAgain(v, since, membership, of, i, p)
				if f := &found[0]; f.Outcome == check.Pass && full {
					f.Took = max(0, max(first, v.Mesh(v.End()).Since)-d.Over())
				}
				all = append(all, found...)
			}
			return all
		}),
	}
}

// restarted is the finding about a node that runs under another creation than before the disturbance, although nobody killed it.
func restarted(d view.Disturbance, p *view.Pod, end time.Duration) (check.Finding, bool) {
	at, again := p.BackAgain(d.Began(), end)
	if !again || d.Ended(p) {
		return check.Finding{}, false
	}
	was, _ := p.CreationAt(d.Began())
	now, _ := p.CreationAt(end)
	f := check.Finding{Subject: check.OnPod(p), At: at}
	f.Fail("restarted", fmt.Sprintf("%s was restarted, although nobody has killed it: its creation is %d, and was %d before %s", evidence.NodeOrPod(p), now, was, evidence.WhatWasDone(d)),
		"let the node connect again to the peers that it has lost; do not end it, and let no liveness probe depend on its peers")
	return f, true
}
