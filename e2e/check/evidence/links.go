package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// MinLinkAge is how long a connection between two pods must exist to count as a link of their nodes: our own dials are shorter.
const MinLinkAge = 2 * time.Second

// LinkWindow is a time in which two pods existed and were not touched: their link has to last for all of it.
type LinkWindow struct {
	P, Q        *view.Pod
	From, To    time.Duration
	Links       map[view.Link]recording.Link // theirs at its beginning, at least one
	Disturbance time.Duration                // when something was done to other pods
	What        string                       // what that was: "the deletion of derl-x"
}

// Kept compares the 4-tuples at the beginning of the window with those in its last socket table. The tables in between are not
// needed: a connection that is closed and made again has another ephemeral port. One link of the pair that lasts is
// enough, since a slow dial of our own may look like a second one for a while.
func (w LinkWindow) Kept() check.Finding {
	f := check.Finding{Subject: check.OnPair(w.P, w.Q), Outcome: check.Pass}
	lost := w.From // when the last of them was first missing
	end, kept := w.From, map[view.Link]recording.Link(nil)
	for _, e := range view.Between(w.P.Sockets, w.From, w.To) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		was := len(kept) > 0 || end == w.From
		end, kept = e.T, common(w.Links, view.Links(e, w.P, w.Q))
		if was && len(kept) == 0 {
			lost = e.T
		}
	}
	switch {
	case end == w.From || w.To-end > check.Fresh(w.P):
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the socket table of %s was not read in the last %.1f s", w.P.Name, (w.To-end).Seconds())
	case len(kept) > 0:
		f.At, f.Took = end, end-w.Disturbance
	default:
		l := first(w.Links)
		f.Outcome, f.At, f.Code = check.Fail, lost, "link-lost"
		f.Message = fmt.Sprintf("the link %s - %s between %s and %s was closed %.1f s after %s, although neither of them was touched", l.Local, l.Remote, w.P.Name, w.Q.Name, (lost - w.Disturbance).Seconds(), w.What)
		if now := LastingLinks(w.P, w.Q, w.To-w.P.MaxGap(), w.To); len(now) > 0 {
			n := first(now)
			f.Code, f.Seen = "link-replaced", []string{fmt.Sprintf("a new connection replaced it: %s - %s", n.Local, n.Remote)}
		}
		f.Remedy = "do not call disconnect_node for nodes that leave DNS: the distribution notices by itself when a node ends"
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

// first is the first link in the order of addresses, so that the same recording always gives the same message.
func first(links map[view.Link]recording.Link) view.Link {
	return slices.SortedFunc(maps.Keys(links), func(a, b view.Link) int {
		return cmp.Or(cmp.Compare(a.Local, b.Local), cmp.Compare(a.Remote, b.Remote))
	})[0]
}

// LastingLinks are the links between p and q that were in every socket table of the window. Our own probes are too short
// to be in two tables.
func LastingLinks(p, q *view.Pod, from, to time.Duration) map[view.Link]recording.Link {
	var all map[view.Link]recording.Link
	samples := 0
	for _, e := range view.Between(p.Sockets, from, to) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		samples++
		now := view.Links(e, p, q)
		if all == nil {
			all = now
			continue
		}
		all = common(all, now)
	}
	if samples < 2 {
		return nil
	}
	return all
}
