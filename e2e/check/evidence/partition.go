package evidence

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// NothingDone is the finding where nothing was done to the mesh: it was not healthy, or the scenario says why.
func NothingDone(v *view.View) []check.Finding {
	return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "nothing was done to the mesh in this recording"}}
}

// NoCut is the finding where no link was cut.
func NoCut(v *view.View) []check.Finding {
	return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no link was cut in this recording"}}
}

// WhatWasDone names the disturbance in messages.
func WhatWasDone(d view.Disturbance) string {
	switch a := d.First.Act; a.Do {
	case recording.Inject:
		what := map[string]string{
			recording.FaultCut: "a link was cut", recording.FaultCutOut: "a link was cut one way", recording.FaultBlip: "a link lost its packets for a moment",
			recording.FaultReset: "a link was reset", recording.FaultDropLarge: "large packets were dropped on a link", recording.FaultDropDNS: "DNS queries were dropped",
			recording.FaultSlowDNS: "the first packet of each DNS query was dropped",
		}[a.Fault]
		if what == "" {
			what = "a fault was put in place"
		}
		return what
	default:
		return a.Do
	}
}

// Partition is a mesh some of whose links are cut: what OTP does then depends on whether its nodes prevent partitions that overlap.
type Partition struct {
	Cuts     []view.CutLink
	From, To time.Duration // from the first cut until the first of them was healed
	Pods     []*view.Pod   // that were expected in the mesh when the first link was cut
	v        *view.View
}

// FindPartition reads it from the view; ok is false if no link was cut.
func FindPartition(v *view.View) (p Partition, ok bool) {
	p = Partition{Cuts: v.CutLinks(), v: v}
	if len(p.Cuts) == 0 {
		return p, false
	}
	p.From, p.To = p.Cuts[0].At, p.Cuts[0].Over
	for _, c := range p.Cuts {
		p.From, p.To = min(p.From, c.At), min(p.To, c.Over)
	}
	p.Pods = v.Expected(p.From)
	return p, true
}

// Cut reports whether the link of the two pods was cut.
func (p Partition) Cut(a, b *view.Pod) bool {
	return slices.ContainsFunc(p.Cuts, func(c view.CutLink) bool { return c.A == a && c.B == b || c.A == b && c.B == a })
}

// Prevention says whether all nodes prevent partitions that overlap (kernel's prevent_overlapping_partitions, which needs connect_all).
// why is set where that is not known, or not the same everywhere.
func (p Partition) Prevention() (on bool, why string) {
	with := 0
	for _, q := range p.Pods {
		k := q.Kernel()
		if k == nil || k.Prevents != "true" && k.Prevents != "false" {
			return false, fmt.Sprintf("whether %s prevents partitions that overlap (prevent_overlapping_partitions) was not read", NodeOrPod(q))
		}
		if k.Prevents == "true" && k.ConnectAll == "true" {
			with++
		}
	}
	if with > 0 && with < len(p.Pods) {
		return false, "only some of the nodes prevent partitions that overlap (prevent_overlapping_partitions)"
	}
	return with > 0, ""
}

// Before are the lasting links of two pods just before the first cut.
func (p Partition) Before(a, b *view.Pod) map[view.Link]recording.Link {
	return LastingLinks(a, b, max(0, p.From-MinLinkAge), p.From)
}

// LostLink is when the last of these links of a with b was first missing in a's socket table, after the first cut and not after to. known is
// false where no table was read just before to, so that it is not known.
func (p Partition) LostLink(a, b *view.Pod, links map[view.Link]recording.Link, to time.Duration) (at time.Duration, lost, known bool) {
	end := p.From
	for _, e := range view.Between(a.Sockets, p.From, to) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		end = e.T
		if len(common(links, view.Links(e, a, b))) == 0 {
			return e.T, true, true
		}
	}
	return 0, false, end > p.From && to-end <= check.Fresh(a)
}

// Explained reports whether OTP closes the link of two pods although it was not cut: a node that has lost another tells all that it still
// reaches, and each of them closes its link to the one that was lost.
func (p Partition) Explained(a, b *view.Pod) bool {
	for _, c := range p.Cuts {
		for _, lost := range [][2]*view.Pod{{c.A, c.B}, {c.B, c.A}} {
			teller, gone := lost[0], lost[1]
			if gone == a && p.reaches(teller, b) || gone == b && p.reaches(teller, a) {
				return true
			}
		}
	}
	return false
}

// reaches reports whether messages go from one pod to the other over links that were not cut, if need be through others.
func (p Partition) reaches(from, to *view.Pod) bool {
	seen := []*view.Pod{from}
	for i := 0; i < len(seen); i++ {
		if seen[i] == to {
			return true
		}
		for _, q := range p.Pods {
			if !slices.Contains(seen, q) && !p.Cut(seen[i], q) {
				seen = append(seen, q)
			}
		}
	}
	return false
}

// Isolations are the times in which the pod's node saw no other node while links were cut: how many, and how long all of them together.
func (p Partition) Isolations(a *view.Pod) (n int, total time.Duration) {
	since := time.Duration(-1)
	for _, e := range view.Between(a.Nodes, p.From, p.To) {
		alone := e.Nodes.Outcome == recording.OK && len(e.Nodes.Visible) == 0
		switch {
		case alone && since < 0:
			n, since = n+1, e.T
		case !alone && since >= 0:
			total, since = total+e.T-since, -1
		}
	}
	if since >= 0 {
		total += p.To - since
	}
	return n, total
}
