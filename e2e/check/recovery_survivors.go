package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func recoverySurvivors() Check {
	return Check{
		ID: "recovery/survivors-keep-links", Title: "keeps the links between the untouched nodes", Rung: Recovery, Level: Required, Scenario: "recovery",
		Why:    "A discovery that disconnects what leaves DNS, or a global that prevents overlapping partitions, tears healthy links for milliseconds at every deploy. Polling never sees it; the TCP 4-tuple remembers.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"link-replaced": nil, "link-lost": {"recovery/full-again"}},
		Judge: func(v *view.View) []Finding {
			d, ok := deleted(v)
			if !ok {
				return noDeletion(v)
			}
			var all []Finding
			for i, p := range d.survivors {
				for _, q := range d.survivors[i+1:] {
					if f := survives(v, d, p, q); f.Outcome != NotApplicable {
						all = append(all, f)
					}
				}
			}
			if len(all) == 0 && len(d.survivors) > 1 {
				return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "no two of the nodes that were left untouched had a link before, which the profile allows (expect.topology)"}}
			}
			if len(all) == 0 {
				return alone(v, 2)
			}
			return all
		},
	}
}

// survives judges the link of two nodes that were left untouched, from the deletion to the end.
func survives(v *view.View, d deletion, p, q *view.Pod) Finding {
	f := Finding{Subject: onPair(p, q)}
	from := max(0, d.act.T-lasts)
	before := lasting(p, q, from, d.act.T)
	switch {
	case len(before) > 0:
		return stretch{p, q, d.act.T, v.End(), before, d.act.T, "the deletion of " + d.victim.Name}.kept()
	case !meansAll(v) && len(view.Between(p.Sockets, from, d.act.T)) > 1:
		f.Outcome = NotApplicable // not every pair is meant to have one
	default:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("no link between %s and %s was seen to last before the deletion", p.Name, q.Name)
	}
	return f
}
