package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoverySurvivorsKeepLinks() check.Check {
	return check.Check{
		ID: "recovery/survivors-keep-links", Title: "keeps the links between nodes that were not touched", Rung: check.Recovery, Level: check.Required, Scenario: "recovery",
		Reads:  []recording.Kind{recording.KindSockets},
		Why:    "Discovery that disconnects nodes which leave DNS, or global with prevent_overlapping_partitions, closes healthy links for milliseconds at every deploy. Polling never sees it, but the TCP 4-tuple of the link changes.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"link-replaced": nil, "link-lost": {"recovery/full-again"}},
		Judge: func(v *view.View) []check.Finding {
			d, ok := evidence.FindDeletion(v)
			if !ok {
				return evidence.NoDeletion(v)
			}
			var all []check.Finding
			for i, p := range d.Survivors {
				for _, q := range d.Survivors[i+1:] {
					if f := survives(v, d, p, q); f.Outcome != check.NotApplicable {
						all = append(all, f)
					}
				}
			}
			if len(all) == 0 && len(d.Survivors) > 1 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "no two of the untouched nodes had a link before the deletion, which the profile allows (expect.topology)"}}
			}
			if len(all) == 0 {
				return evidence.TooFewOthers(v, 2)
			}
			return all
		},
	}
}

// survives judges the link of two nodes that were left untouched, from the deletion to the end.
func survives(v *view.View, d evidence.Deletion, p, q *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q)}
	from := max(0, d.Act.T-evidence.MinLinkAge)
	before := evidence.LastingLinks(p, q, from, d.Act.T)
	switch {
	case len(before) > 0:
		return evidence.LinkWindow{P: p, Q: q, From: d.Act.T, To: v.End(), Links: before, Disturbance: d.Act.T, What: "the deletion of " + d.Victim.Name}.Kept()
	case !evidence.MeansFullMesh(v) && len(view.Between(p.Sockets, from, d.Act.T)) > 1:
		f.Outcome = check.NotApplicable // not every pair needs a link
	default:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("no lasting link between %s and %s was seen before the deletion", p.Name, q.Name)
	}
	return f
}
