package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryPartitionAsOTP() check.Check {
	return check.Check{
		ID: "recovery/partition-as-otp", Title: "closes just the links that OTP closes in a partition", Rung: check.Recovery, Level: check.Required,
		Scenario: "link-cut", Also: []recording.Scenario{"one-way-cut", "split", "majorities-ring"},
		Reads:  []recording.Kind{recording.KindNodes, recording.KindSockets, recording.KindKernel},
		Why:    "With prevent_overlapping_partitions, OTP's default, a node that has lost another tells the rest, and they close their links to it: the mesh falls apart and comes together until the link is well. Without it only the two lose each other. Anything else is the application's own doing.",
		Source: "https://github.com/erlang/otp/blob/OTP-28.0/lib/kernel/src/global.erl (Prevent Overlapping Partitions Algorithm)",
		Causes: map[string][]string{"overlapping": nil, "others-lost": nil},
		Judge: evidence.ForFullMesh(func(v *view.View) []check.Finding {
			p, ok := evidence.FindPartition(v)
			if !ok {
				return evidence.NoCut(v)
			}
			on, why := p.Prevention()
			if why != "" {
				return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: why}}
			}
			var all []check.Finding
			for i, a := range p.Pods {
				for _, b := range p.Pods[i+1:] {
					if !p.Cut(a, b) {
						all = append(all, uncut(p, on, a, b))
					}
				}
			}
			if on {
				all = append(all, overlaps(v, p)...)
			}
			if len(all) == 0 {
				all = []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "there are no links but those that were cut"}}
			}
			return all
		}),
	}
}

// uncut judges a link that was not cut: OTP closes it only if somebody tells one of its ends that the other is lost.
func uncut(p evidence.Partition, prevents bool, a, b *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(a, b)}
	links := p.Before(a, b)
	if len(links) == 0 {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("no lasting link between %s and %s was seen before", a.Name, b.Name)
		return f
	}
	at, lost, known := p.LostLink(a, b, links, p.To)
	switch explained := prevents && p.Explained(a, b); {
	case !lost && !known:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the socket table of %s was not read until the links were well again", a.Name)
	case !lost || explained:
		f.Outcome, f.At, f.From = check.Pass, max(at, p.To), p.From
		f.Seen = isolated(p, a, b)
	default:
		f.At, f.From = at, p.From
		said := "prevent_overlapping_partitions is off, so that only the ends of a cut link lose each other"
		if prevents {
			said = "nobody could tell one of them that the other was lost"
		}
		f.Fail("others-lost", fmt.Sprintf("the link between %s and %s was closed %.1f s after another link was cut: %s", a.Name, b.Name, (at-p.From).Seconds(), said),
			"look for code that disconnects nodes when another one goes down (a handler of nodedown, a library that heals partitions)")
	}
	return f
}

// isolated says how often the two were without any peer.
func isolated(p evidence.Partition, pods ...*view.Pod) (all []string) {
	for _, a := range pods {
		if n, total := p.Isolations(a); n > 0 {
			all = append(all, fmt.Sprintf("%s was without any peer %d times, for %.1f s together", evidence.NodeOrPod(a), n, total.Seconds()))
		}
	}
	return all
}

// toldWithin is how long after a node has lost another the rest has certainly closed its links, and been seen to: messages take
// milliseconds.
const toldWithin = 2500 * time.Millisecond

// overlaps judges those that had links to both ends of a cut link: when one end has noticed, they must not keep both.
func overlaps(v *view.View, p evidence.Partition) (all []check.Finding) {
	for _, c := range p.Cuts {
		for _, ends := range [][2]*view.Pod{{c.A, c.B}, {c.B, c.A}} {
			_, noticed, ok := ends[0].Lost(ends[1], c.At, p.To)
			f := check.Finding{Subject: check.OnPair(ends[0], ends[1]), Outcome: check.Pass, At: noticed, From: c.At}
			told := noticed + toldWithin
			if !ok || told > p.To {
				f.Outcome, f.At = check.Unseen, 0
				f.Message = fmt.Sprintf("%s did not notice in time that it had lost %s, so nobody was told of it", ends[0].Name, ends[1].Name)
				all = append(all, f)
				continue
			}
			for _, r := range p.Pods {
				if r != c.A && r != c.B && !p.Cut(r, c.A) && !p.Cut(r, c.B) {
					keepsBoth(v, p, r, ends, told, &f)
				}
			}
			all = append(all, f)
		}
	}
	return all
}

// keepsBoth makes the finding red if r still had the links to both ends, though one of them has told it that it lost the other.
func keepsBoth(v *view.View, p evidence.Partition, r *view.Pod, ends [2]*view.Pod, told time.Duration, f *check.Finding) {
	var kept [2]map[view.Link]recording.Link
	for i, end := range ends {
		if kept[i] = p.Before(r, end); len(kept[i]) == 0 {
			return
		}
		if _, lost, known := p.LostLink(r, end, kept[i], told); lost || !known {
			return
		}
	}
	if told-f.At < v.Pressure(f.At, told)+toldWithin/2 {
		return // nobody knows whether it had the time
	}
	f.Fail("overlapping", fmt.Sprintf("%s lost %s, and %.1f s later %s still had its links to both, although it prevents partitions that overlap (prevent_overlapping_partitions)", evidence.NodeOrPod(ends[0]), evidence.NodeOrPod(ends[1]), (told-f.At).Seconds(), evidence.NodeOrPod(r)),
		"look in the log of the nodes for errors of global; the application may have stopped global_name_server")
}
