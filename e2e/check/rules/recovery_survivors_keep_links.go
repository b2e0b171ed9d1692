package rules

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoverySurvivorsKeepLinks() check.Check {
	return check.Check{
		ID: "recovery/survivors-keep-links", Title: "keeps the links between nodes that were not touched", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "container-kill", "scale", "node-drain", "node-stop", "epmd-killed", "secret-rotated"},
		Reads:  []recording.Kind{recording.KindSockets},
		Why:    "Discovery that disconnects nodes which leave DNS, or global with prevent_overlapping_partitions, closes healthy links for milliseconds at every deploy. Polling never sees it, but the TCP 4-tuple of the link changes.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"link-replaced": nil, "link-lost": {"recovery/full-again"}},
		Judge: func(v *view.View) []check.Finding {
			d, ok := v.Disturbance()
			if !ok || len(d.Touched) == 0 {
				return evidence.NoDeletion(v)
			}
			untouched := slices.DeleteFunc(slices.Clone(v.Expected(d.Began())), d.Touches)
			var all []check.Finding
			for i, p := range untouched {
				for _, q := range untouched[i+1:] {
					if f := survives(v, d, p, q); f.Outcome != check.NotApplicable {
						all = append(all, f)
					}
				}
			}
			if len(all) == 0 && len(untouched) > 1 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "no two of the untouched nodes had a link before the deletion, which the profile allows (expect.topology)"}}
			}
			if len(all) == 0 {
				return evidence.TooFewOthers(v, 2)
			}
			return all
		},
	}
}

// survives judges the link of two nodes that were left untouched, from what was done first to the end.
func survives(v *view.View, d view.Disturbance, p, q *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q)}
	from := max(0, d.Began()-evidence.MinLinkAge)
	before := evidence.LastingLinks(p, q, from, d.Began())
	switch {
	case len(before) > 0:
		return evidence.LinkWindow{P: p, Q: q, From: d.Began(), To: v.End(), Links: before, Disturbance: d.Began(), What: evidence.WhatWasDone(d)}.Kept()
	case !evidence.MeansFullMesh(v) && len(view.Between(p.Sockets, from, d.Began())) > 1:
		f.Outcome = check.NotApplicable // not every pair needs a link
	default:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("no lasting link between %s and %s was seen before the deletion", p.Name, q.Name)
	}
	return f
}
