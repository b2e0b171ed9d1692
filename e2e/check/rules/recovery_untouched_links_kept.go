package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryUntouchedLinksKept() check.Check {
	return check.Check{
		ID: "recovery/untouched-links-kept", Title: "keeps its links through what TCP and OTP bear", Rung: check.Recovery, Level: check.Required,
		Scenario: "blip-5", Also: []recording.Scenario{"blip-50", "blip-500", "dns-slow", "dns-outage", "large-segments"},
		Reads:  []recording.Kind{recording.KindSockets},
		Why:    "TCP sends again what was lost in a moment, and links need no DNS once they are open. An application that closes them all the same (a heartbeat of its own, discovery that disconnects what it cannot resolve) turns milliseconds into a partition.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_ticktime)",
		Causes: map[string][]string{"link-replaced": nil, "link-lost": {"recovery/heals"}},
		Judge: func(v *view.View) []check.Finding {
			d, ok := v.Disturbance()
			if !ok {
				return evidence.NothingDone(v)
			}
			var all []check.Finding
			pods := v.Expected(d.Began())
			for i, p := range pods {
				for _, q := range pods[i+1:] {
					all = append(all, bears(v, d, p, q))
				}
			}
			if len(all) == 0 {
				return evidence.NothingDone(v)
			}
			return all
		},
	}
}

// bears judges the link of two nodes, from the disturbance to the end.
func bears(v *view.View, d view.Disturbance, p, q *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q)}
	from := max(0, d.Began()-evidence.MinLinkAge)
	before := evidence.LastingLinks(p, q, from, d.Began())
	a := d.First.Act
	switch {
	case a.Fault == recording.FaultDropLarge && d.Touches(p) || a.Fault == recording.FaultDropLarge && d.Touches(q):
		f.Outcome, f.Message = check.NotApplicable, "a large message stalls this link, and then the nodes give it up"
	case len(before) > 0:
		f = evidence.LinkWindow{P: p, Q: q, From: d.Began(), To: v.End(), Links: before, Disturbance: d.Began(), What: evidence.WhatWasDone(d)}.Kept()
		if f.Outcome == check.Fail {
			f.Message = fmt.Sprintf("the link between %s and %s was closed %.1f s after %s, which neither TCP nor OTP minds", p.Name, q.Name, (f.At - d.Began()).Seconds(), evidence.WhatWasDone(d))
			f.Remedy = "do not disconnect a node that misses a heartbeat of a second or a lookup in DNS: OTP's own ticks notice by themselves when a node is gone"
		}
	case !evidence.MeansFullMesh(v) && len(view.Between(p.Sockets, from, d.Began())) > 1:
		f.Outcome, f.Message = check.NotApplicable, "they had no link, which the profile allows (expect.topology)"
	default:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("no lasting link between %s and %s was seen before", p.Name, q.Name)
	}
	return f
}
