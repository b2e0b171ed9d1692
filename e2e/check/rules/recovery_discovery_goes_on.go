package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryDiscoveryGoesOn() check.Check {
	return check.Check{
		ID: "recovery/discovery-goes-on", Title: "keeps discovering peers after one of them has died", Rung: check.Recovery, Level: check.Latent, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "node-drain"},
		Reads:  []recording.Kind{recording.KindAsked},
		Why:    "If discovery stops when a peer cannot be reached, nobody notices the first time: the replacement itself finds the others. When the next pod is replaced, no other node looks for it.",
		Source: "https://hexdocs.pm/libcluster/readme.html",
		Causes: map[string][]string{"not-asking": nil},
		Judge: func(v *view.View) []check.Finding {
			d, ok := lastEnded(v)
			switch {
			case !v.KeepsDiscovering():
				return evidence.DiscoveryNotPromised(v)
			case !ok:
				return evidence.NoDeletion(v)
			case v.Profile.Service == "":
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "no Service selects the pods: the nodes do not discover each other by DNS"}}
			case len(d.Survivors) == 0:
				return evidence.TooFewOthers(v, 1)
			}
			exit, ended := d.Victim.Exited()
			if !ended {
				exit = d.Act.T
			}
			var all []check.Finding
			for _, p := range d.Survivors {
				before, silent := p.LastAsked(v.Profile.Service, 0, d.Act.T)
				if before == 0 && len(p.Asked) > 0 && silent < v.Profile.Interval.D() {
					all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, Message: fmt.Sprintf("the DNS queries of %s were captured for %.1f s before %s was deleted: it is not known whether it looked up its peers", p.Name, silent.Seconds(), d.Victim.Name)})
					continue
				}
				if before == 0 && len(p.Asked) > 0 {
					all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.NotApplicable, Message: fmt.Sprintf("%s did not query DNS for its peers before %s was deleted, either", p.Name, d.Victim.Name)})
					continue
				}
				all = append(all, evidence.KeepsDiscovering(v, p, exit+v.Slack(d.Victim.ExitSeenBy(), p.AgentOf(), exit), v.End()))
			}
			return all
		},
	}
}

// lastEnded is the deletion of the pod that ended last.
func lastEnded(v *view.View) (last evidence.Deletion, ok bool) {
	ended := time.Duration(-1)
	for _, d := range evidence.FindDeletions(v) {
		exit, gone := d.Victim.Exited()
		if !gone {
			exit = d.Act.T
		}
		if exit > ended {
			last, ended, ok = d, exit, true
		}
	}
	return last, ok
}
