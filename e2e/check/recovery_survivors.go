package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoverySurvivors() Check {
	return Check{
		ID: "recovery/survivors-keep-links", Title: "keeps the links between the untouched nodes", Rung: Recovery, Level: Required, Episode: "recovery",
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
					if f := keeps(v, d, p, q); f.Outcome != NotApplicable {
						all = append(all, f)
					}
				}
			}
			if len(all) == 0 && len(d.survivors) > 1 {
				return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Says: "no two of the nodes that were left untouched had a link before, which the profile allows (expect.topology)"}}
			}
			if len(all) == 0 {
				return alone(v, 2)
			}
			return all
		},
	}
}

// keeps compares the 4-tuples before the deed with those in the youngest socket table. No look in between is needed: a
// connection that is torn down and made again has another ephemeral port. One link of the pair that lasts is enough,
// since a slow dial of our own may look like a second one for a while.
func keeps(v *view.View, d deletion, p, q *view.Pod) Finding {
	f := Finding{Subject: onPair(p, q), Outcome: Pass}
	before := lasting(p, q, max(0, d.act.T-2*time.Second), d.act.T)
	if len(before) == 0 && !meansAll(v) && len(view.Between(p.Sockets, max(0, d.act.T-2*time.Second), d.act.T)) > 1 {
		f.Outcome = NotApplicable // not every pair is meant to have one
		return f
	}
	if len(before) == 0 {
		f.Outcome, f.Says = Unseen, fmt.Sprintf("no link between %s and %s was seen to last before the deletion", p.Name, q.Name)
		return f
	}
	lost := d.act.T // when the last of them was missed first
	end, kept := d.act.T, map[view.Link]recording.Link(nil)
	for _, e := range view.Between(p.Sockets, d.act.T, v.End()) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		was := len(kept) > 0 || end == d.act.T
		end, kept = e.T, common(before, view.Links(e, p, q))
		if was && len(kept) == 0 {
			lost = e.T
		}
	}
	switch {
	case end == d.act.T || v.End()-end > lately:
		f.Outcome, f.Says = Unseen, fmt.Sprintf("the sockets of %s were not watched in the last %.1f s", p.Name, (v.End()-end).Seconds())
	case len(kept) > 0:
		f.At, f.Took = end, end-d.act.T
	default:
		l := first(before)
		f.Outcome, f.At, f.Code = Fail, lost, "link-lost"
		f.Says = fmt.Sprintf("the link %s - %s between %s and %s, which nobody touched, was gone %.1f s after the deletion of %s", l.Local, l.Remote, p.Name, q.Name, (lost - d.act.T).Seconds(), d.victim.Name)
		if now := lasting(p, q, v.End()-lately, v.End()); len(now) > 0 {
			n := first(now)
			f.Code, f.Seen = "link-replaced", []string{fmt.Sprintf("a new one took its place: %s - %s", n.Local, n.Remote)}
		}
		f.Remedy = "do not disconnect nodes that leave DNS: distribution notices by itself when they end"
	}
	return f
}

func common(a, b map[view.Link]recording.Link) map[view.Link]recording.Link {
	both := map[view.Link]recording.Link{}
	for l := range a {
		if _, ok := b[l]; ok {
			both[l] = b[l]
		}
	}
	return both
}

// first is the link that comes first by its addresses, so that the same recording gives the same sentence.
func first(links map[view.Link]recording.Link) view.Link {
	return slices.SortedFunc(maps.Keys(links), func(a, b view.Link) int {
		return cmp.Or(cmp.Compare(a.Local, b.Local), cmp.Compare(a.Remote, b.Remote))
	})[0]
}

// lasting are the links between p and q that were in every socket table of the window. Our own probes come and
// go between two looks and are none of them.
func lasting(p, q *view.Pod, from, to time.Duration) map[view.Link]recording.Link {
	var all map[view.Link]recording.Link
	looks := 0
	for _, e := range view.Between(p.Sockets, from, to) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		looks++
		now := view.Links(e, p, q)
		if all == nil {
			all = now
			continue
		}
		all = common(all, now)
	}
	if looks < 2 {
		return nil
	}
	return all
}
