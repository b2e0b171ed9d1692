package recording

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Again says that its observer saw what an earlier line says once more, and what has changed since. It is how a recording stays
// small where many pods are looked at many times: most looks show what the look before them showed. Writers put it in the place of
// an event that repeats another ([Shortener]), and readers give back the whole event ([Restorer]), so that nobody else meets one.
type Again struct {
	As   uint64        `json:"as"`             // the number of the line that it repeats: of a file the header is line 1
	Took time.Duration `json:"took,omitempty"` // of this look

	// What came to, and went from, the peers of a view or the addresses of an answer. The order of either has no meaning.
	Joined []string `json:"joined,omitempty"`
	Left   []string `json:"left,omitempty"`

	// Links are new or otherwise than expected. A link that is not named is still there, and has been idle for as much longer as
	// time has gone by, give or take idleSlack. Closed are gone: "LOCAL REMOTE".
	Links  []Link   `json:"links,omitempty"`
	Closed []string `json:"closed,omitempty"`
}

// idleSlack is how far the idle time of a link that is not written may be from the one that was seen: the kernel counts it in ticks
// of up to 10 ms, and a look takes a moment.
const idleSlack = 20 * time.Millisecond

// line is an event that can be repeated, and when it was seen.
type line struct {
	number uint64
	at     time.Duration
	event  Event
}

// Shortener replaces events that repeat an earlier one. It is not safe for concurrent use.
type Shortener struct {
	last map[look]line // what a reader knows
}

// Shorten returns the event as it is to be written in the line with that number: an [Again], or the event itself. at is when it was
// seen, by the clock that the reader has, too.
func (s *Shortener) Shorten(e Event, number uint64, at time.Duration) Event {
	key, can := repeats(&e)
	if !can {
		return e
	}
	if s.last == nil {
		s.last = map[look]line{}
	}
	written := e
	was, known := s.last[key]
	if known {
		if a, ok := difference(was, e, at); ok {
			written = Event{T: e.T, By: e.By, Again: a}
			e = apply(was, written, at)
		}
	}
	if known || len(s.last) < maxLooks {
		s.last[key] = line{number, at, e}
	}
	return written
}

// Restorer gives back what a [Shortener] replaced. It is not safe for concurrent use.
type Restorer struct {
	lines map[uint64]line // those that may be repeated, by number
	last  map[look]uint64
}

// Restore returns the whole event of the line with that number. There is an error if the line repeats one that it has not.
func (r *Restorer) Restore(e Event, number uint64, at time.Duration) (Event, error) {
	if r.lines == nil {
		r.lines, r.last = map[uint64]line{}, map[look]uint64{}
	}
	if e.Again != nil {
		if kinds := e.Kinds(); len(kinds) > 1 {
			return e, nil // the caller refuses an event of two kinds
		}
		was, known := r.lines[e.Again.As]
		if !known {
			return Event{}, fmt.Errorf("it repeats line %d, which is no line that can be repeated, or is repeated already by a later one", e.Again.As)
		}
		if was.event.By != e.By {
			return Event{}, fmt.Errorf("it repeats line %d of another observer, %s", e.Again.As, was.event.By)
		}
		e = apply(was, e, at)
	}
	key, can := repeats(&e)
	if !can {
		return e, nil
	}
	before, known := r.last[key]
	if known {
		delete(r.lines, before)
	}
	if known || len(r.last) < maxLooks {
		r.lines[number], r.last[key] = line{number, at, e}, number
	}
	return e, nil
}

// What may be repeated is limited, for writers and readers alike: whoever sends lines must not make the reader hold a long list many
// times by short ones, or more than it has room for.
const (
	maxRepeated = 5000   // entries of a list: as many pods as a plan may have
	maxLooks    = 50_000 // different looks: those that come first in a recording
)

// look is what an event is a look at: a later event with the same one may repeat it.
type look struct {
	kind         Kind
	by, pod      string
	from, detail string
}

// repeats returns what the event is a look at. ok is false for events that are written whole.
func repeats(e *Event) (l look, ok bool) {
	switch {
	case e.Nodes != nil:
		return look{KindNodes, e.By, e.Nodes.Pod, "", ""}, len(e.Nodes.Visible) <= maxRepeated
	case e.Sockets != nil:
		return look{KindSockets, e.By, e.Sockets.Pod, "", ""}, len(e.Sockets.Links) <= maxRepeated
	case e.DNS != nil:
		return look{KindDNS, e.By, e.DNS.Pod, e.DNS.Name, e.DNS.Type}, len(e.DNS.Addrs) <= maxRepeated
	case e.EPMD != nil:
		return look{KindEPMD, e.By, e.EPMD.To, e.EPMD.From, e.EPMD.Addr}, true
	case e.Dist != nil:
		return look{KindDist, e.By, e.Dist.To, e.Dist.From, e.Dist.Addr}, true
	default:
		return look{}, false
	}
}

// difference is what to write of an event that is a look at the same thing as an earlier line. ok is false where it is to be written
// whole.
func difference(was line, e Event, at time.Duration) (a *Again, ok bool) {
	a = &Again{As: was.number}
	o := was.event
	switch {
	case e.Nodes != nil:
		before, now := *o.Nodes, *e.Nodes
		a.Took = now.Took
		a.Joined, a.Left, ok = change(before.Visible, now.Visible)
		before.Visible, now.Visible, before.Took, now.Took = nil, nil, 0, 0
		ok = ok && reflect.DeepEqual(before, now)
	case e.DNS != nil:
		before, now := *o.DNS, *e.DNS
		a.Took = now.Took
		a.Joined, a.Left, ok = change(before.Addrs, now.Addrs)
		before.Addrs, now.Addrs, before.Took, now.Took = nil, nil, 0, 0
		ok = ok && reflect.DeepEqual(before, now)
	case e.EPMD != nil:
		before, now := *o.EPMD, *e.EPMD
		a.Took, before.Took, now.Took = now.Took, 0, 0
		ok = reflect.DeepEqual(before, now)
	case e.Dist != nil:
		before, now := *o.Dist, *e.Dist
		a.Took, before.Took, now.Took = now.Took, 0, 0
		ok = before == now
	case e.Sockets != nil:
		before, now := *o.Sockets, *e.Sockets
		a.Links, a.Closed, ok = changedLinks(before.Links, now.Links, at-was.at)
		before.Links, now.Links = nil, nil
		ok = ok && reflect.DeepEqual(before, now)
	}
	return a, ok
}

// apply is the whole event that the shortened one stands for.
func apply(was line, short Event, at time.Duration) Event {
	a, e := short.Again, was.event
	e.T = short.T
	switch {
	case e.Nodes != nil:
		n := *e.Nodes
		n.Visible, n.Took = changeBack(n.Visible, a), a.Took
		e.Nodes = &n
	case e.DNS != nil:
		d := *e.DNS
		d.Addrs, d.Took = changeBack(d.Addrs, a), a.Took
		e.DNS = &d
	case e.EPMD != nil:
		d := *e.EPMD
		d.Took = a.Took
		e.EPMD = &d
	case e.Dist != nil:
		d := *e.Dist
		d.Took = a.Took
		e.Dist = &d
	case e.Sockets != nil:
		s := *e.Sockets
		s.Links = linksBack(s.Links, a, at-was.at)
		e.Sockets = &s
	}
	return e
}

// change is what came to a set and what went from it. ok is false for a list that is no set.
func change(was, is []string) (joined, left []string, ok bool) {
	if slices.Equal(was, is) {
		return nil, nil, true
	}
	before, now := setOf(was), setOf(is)
	if len(before) != len(was) || len(now) != len(is) || len(was) == 0 || len(is) == 0 {
		return nil, nil, false
	}
	for _, s := range is {
		if !before[s] {
			joined = append(joined, s)
		}
	}
	for _, s := range was {
		if !now[s] {
			left = append(left, s)
		}
	}
	return joined, left, true
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// changeBack undoes change. Where nothing has changed the list is the same one: a large recording has thousands of it.
func changeBack(was []string, a *Again) []string {
	if len(a.Joined)+len(a.Left) == 0 {
		return was
	}
	is := make([]string, 0, len(was)+len(a.Joined))
	for _, s := range was {
		if !slices.Contains(a.Left, s) {
			is = append(is, s)
		}
	}
	return append(is, a.Joined...)
}

func (l *Link) ends() string { return l.Local + " " + l.Remote }

// changedLinks is what differs from what links that are left alone for that long would be. ok is false for a list that has a link
// twice.
func changedLinks(was, is []Link, after time.Duration) (changed []Link, closed []string, ok bool) {
	if len(was) == 0 || len(is) == 0 {
		return nil, nil, len(was) == len(is)
	}
	before := make(map[string]Link, len(was))
	for _, l := range was {
		before[l.ends()] = l
	}
	now := make(map[string]bool, len(is))
	for _, l := range is {
		now[l.ends()] = true
		if b, there := before[l.ends()]; !there || !b.leftAlone(l, after) {
			changed = append(changed, l)
		}
	}
	for _, l := range was {
		if !now[l.ends()] {
			closed = append(closed, l.ends())
		}
	}
	return changed, closed, len(before) == len(was) && len(now) == len(is)
}

// leftAlone reports whether the later look shows what a link shows on which nothing has happened for that long.
func (l *Link) leftAlone(later Link, after time.Duration) bool {
	return l.Backoff == later.Backoff && l.Unsent == later.Unsent && (later.Idle-l.Idle-after).Abs() <= idleSlack
}

// linksBack undoes changedLinks.
func linksBack(was []Link, a *Again, after time.Duration) []Link {
	changed := make(map[string]Link, len(a.Links))
	for _, l := range a.Links {
		changed[l.ends()] = l
	}
	is := make([]Link, 0, len(was)) // most that are named are not new
	for _, l := range was {
		now, named := changed[l.ends()]
		switch {
		case slices.Contains(a.Closed, l.ends()):
		case named:
			delete(changed, l.ends())
			now.Local, now.Remote = l.Local, l.Remote // one text for all looks
			is = append(is, now)
		default:
			l.Idle = max(0, l.Idle+after)
			is = append(is, l)
		}
	}
	for _, l := range a.Links {
		if _, isNew := changed[l.ends()]; isNew {
			is = append(is, l)
		}
	}
	if len(is) == 0 {
		return nil
	}
	return is
}
