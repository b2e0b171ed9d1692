package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// when is what looks tell of the time at which something happened: after the last look without it was begun, and before the first
// look with it had ended.
type when struct {
	after, before time.Duration
	open          bool   // it was not seen to happen
	unseen        string // it happened while nobody looked
}

// at is a time that is known exactly, such as that of a report of the API server.
func at(t time.Duration) when { return when{after: t, before: t} }

func (w when) known() bool           { return !w.open && w.unseen == "" }
func (w when) middle() time.Duration { return w.after + (w.before-w.after)/2 }
func (w when) off() time.Duration    { return (w.before - w.after + 1) / 2 }

// look is one look at whether something is there: what it shows was so at some time from the one to the other.
type look struct {
	from, to time.Duration
	has      bool
}

// looks are those of the list that tell whether it is there, with the error of the clock of who looked.
func (v *View) looks(list []recording.Event, has func(e *recording.Event) (has, known bool)) []look {
	var all []look
	for i := range list {
		e := &list[i]
		there, known := has(e)
		if !known {
			continue
		}
		var took time.Duration
		switch {
		case e.Nodes != nil:
			took = e.Nodes.Took
		case e.DNS != nil:
			took = e.DNS.Took
		}
		bound := v.bound(e.By, e.T)
		all = append(all, look{from: e.T - took - bound, to: e.T + bound, has: there})
	}
	return all
}

// turned is when the look with that index first showed what the one before it did not; from is when it was not so yet.
func (v *View) turned(q *Pod, all []look, i int, from time.Duration) when {
	w := when{after: from, before: all[i].to}
	if i > 0 {
		w.after = max(from, all[i-1].from)
	}
	w.after = min(w.after, w.before)
	if w.before-w.after > q.MaxGap() {
		w.unseen = fmt.Sprintf("%s was not seen from %.1f s to %.1f s", q.Name, w.after.Seconds(), w.before.Seconds())
	}
	return w
}

// gone is when it was no longer there, for good, of what was there at some time from from to until; was is false if it never was.
func (v *View) gone(q *Pod, all []look, from, until time.Duration) (w when, was bool) {
	last := -1
	for i, l := range all {
		if l.has && l.to < until {
			last = i
		}
	}
	switch {
	case last < 0:
		return when{}, false
	case last+1 == len(all):
		return when{open: true}, true
	case all[last+1].has: // it came back under the same name before a look found it gone
		return when{unseen: fmt.Sprintf("%s was not seen without it before it came back", q.Name)}, true
	}
	if all[last+1].to < from {
		return when{}, false
	}
	return v.turned(q, all, last+1, min(from, all[last+1].to)), true
}

// peers are the looks of q that tell whether its node has p's among its peers.
func (v *View) peers(q, p *Pod) []look {
	name := p.Node()
	return v.looks(q.Nodes, func(e *recording.Event) (has, known bool) {
		switch e.Nodes.Outcome {
		case recording.OK:
			return name != "" && slices.Contains(e.Nodes.Visible, name), true
		case recording.Refused: // nobody listens: the node has no peers yet, or none any more
			return false, true
		default:
			return false, false
		}
	})
}

// nodeGone is when q's node no longer had that of the old pod, which was deleted or killed at from. Until is when its name may be
// another one's. was is false where it did not have it.
func (v *View) nodeGone(q, old *Pod, from, until time.Duration) (w when, was bool) {
	if old.Node() == "" {
		return when{unseen: "the node name of " + old.Name + " is not known"}, true
	}
	return v.gone(q, v.peers(q, old), from, until)
}

// nodeCame is when q's node first had p's, at or after from. Anew says that q's own VM is the one that began then: what the one before
// it had is of no interest. Else it may still have the node that had the name before.
func (v *View) nodeCame(q, p *Pod, from time.Duration, anew bool) when {
	if p.Node() == "" {
		return when{unseen: "the node name of " + p.Name + " is not known"}
	}
	all := v.peers(q, p)
	had := false
	for i, l := range all {
		switch {
		case l.to < from:
			had = l.has && !anew
		case !l.has:
			had = false
		case !had:
			return v.turned(q, all, i, from)
		}
	}
	return when{open: true}
}

// nodeLost is when q's node first lost p's at or after from, and when it had it again for good; lost is false if it never did.
func (v *View) nodeLost(q, p *Pod, from time.Duration) (down, up when, lost bool) {
	all := v.peers(q, p)
	first := -1
	up.open = true
	for i, l := range all {
		if i == 0 || l.to < from || l.has == all[i-1].has {
			continue
		}
		if l.has {
			up = v.turned(q, all, i, from)
			continue
		}
		up = when{open: true}
		if first < 0 {
			first, down = i, v.turned(q, all, i, from)
		}
	}
	return down, up, first >= 0
}

// addresses are the answers for q that tell whether the address is in DNS. A name may be asked for in both families.
func (v *View) addresses(q *Pod, ip string) []look {
	kind := "A"
	if strings.Contains(ip, ":") {
		kind = "AAAA"
	}
	return v.looks(q.DNS, func(e *recording.Event) (has, known bool) {
		known = e.DNS.Outcome == recording.OK && (e.DNS.RCode == "NOERROR" || e.DNS.RCode == "NXDOMAIN") && e.DNS.Type == kind
		return slices.Contains(e.DNS.Addrs, ip), known
	})
}

// addressOut is when DNS no longer gave q the address of the old pod; was is false where nobody asked, or it was not there.
func (v *View) addressOut(q, old *Pod, from time.Duration) (w when, was bool) {
	if v.Profile.Service == "" || old.IP() == "" || v.Unseen(string(recording.KindDNS)) != "" {
		return when{}, false
	}
	return v.gone(q, v.addresses(q, old.IP()), from, never)
}

// addressIn is when DNS first gave q the address of the new pod; asked is false where nobody asked, or it was there when q could ask.
func (v *View) addressIn(q, next *Pod) (w when, asked bool) {
	if v.Profile.Service == "" || next.IP() == "" || v.Unseen(string(recording.KindDNS)) != "" {
		return when{}, false
	}
	all := v.addresses(q, next.IP())
	for i, l := range all {
		if l.has {
			return v.turned(q, all, i, next.First), q != next || i > 0
		}
	}
	return when{open: true}, true
}
