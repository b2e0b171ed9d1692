package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func recoveryDiscovery() Check {
	return Check{
		ID: "recovery/discovery-goes-on", Title: "goes on asking for its peers after one of them has died", Rung: Recovery, Level: Latent, Scenario: "recovery",
		Why:    "A loop that ends when a peer cannot be reached any more is not missed the first time: the replacement finds the others by its own. The second one that is replaced beside it finds nobody who looks for it.",
		Source: "https://hexdocs.pm/libcluster/readme.html",
		Causes: map[string][]string{"not-asking": nil},
		Judge: func(v *view.View) []Finding {
			d, ok := deleted(v)
			switch {
			case !v.LooksOn():
				return looksNotOn(v)
			case !ok:
				return noDeletion(v)
			case v.Profile.Service == "":
				return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "no Service selects the nodes' pods: they do not find each other by DNS"}}
			case len(d.survivors) == 0:
				return alone(v, 1)
			}
			exit, ended := d.victim.Exited()
			if !ended {
				exit = d.act.T
			}
			var all []Finding
			for _, p := range d.survivors {
				if before, _ := p.LastAsked(v.Profile.Service, 0, d.act.T); before == 0 && len(p.Asked) > 0 {
					all = append(all, Finding{Subject: onPod(p), Outcome: NotApplicable, Message: fmt.Sprintf("%s was not heard asking DNS for its peers before %s was deleted, either", p.Name, d.victim.Name)})
					continue
				}
				all = append(all, asks(v, p, exit, v.End()))
			}
			return all
		},
	}
}
