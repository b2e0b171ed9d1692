package sniff

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/recording"
)

// The limits of the dials: distinct addresses of an interval, dials without an answer, and after what time a dial counts as
// unanswered and is forgotten. The kernel repeats a SYN after 1 s, 3 s and 7 s.
const (
	maxDialled      = 64
	unansweredAfter = 3 * time.Second
	forgottenAfter  = 20 * time.Second
)

// The flags of a TCP segment.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// dials counts the TCP connections that a pod tries to open, by the first segments only: a SYN that leaves, and the SYN-ACK or RST
// that comes back.
type dials struct {
	counts  map[netip.AddrPort]*recording.Dialled
	waiting map[dial]*unanswered
}

// dial matches an answer with its SYN.
type dial struct{ local, remote netip.AddrPort }

type unanswered struct {
	at      time.Time
	counted bool
}

// segment counts a TCP segment if it opens, accepts or refuses a connection.
func (d *dials) segment(p packet, outgoing bool, now time.Time) {
	switch kind := p.flags & (flagSYN | flagRST | flagACK); {
	case outgoing && kind == flagSYN:
		d.opens(p, now)
	case !outgoing && kind == flagSYN|flagACK:
		d.answered(p, func(c *recording.Dialled) { c.Accepted++ })
	case !outgoing && kind&flagRST != 0:
		d.answered(p, func(c *recording.Dialled) { c.Refused++ })
	}
}

// opens counts a dial, once however often its SYN is repeated. The agent's own are recognized by their TTL. What a pod dials in
// itself leads to no peer.
func (d *dials) opens(p packet, now time.Time) {
	k := dial{p.src, p.dst}
	if p.ttl == netns.OwnTTL || p.dst.Port() == dnsPort || p.dst.Addr().IsLoopback() || p.dst.Addr() == p.src.Addr() || d.waiting[k] != nil {
		return
	}
	if c := d.counter(p.dst); c != nil {
		c.Count++
	}
	if len(d.waiting) < maxWaiting {
		d.waiting[k] = &unanswered{at: now}
	}
}

func (d *dials) answered(p packet, count func(*recording.Dialled)) {
	k := dial{p.dst, p.src}
	if d.waiting[k] == nil {
		return // it ends a connection that was open, or nobody has seen its SYN
	}
	delete(d.waiting, k)
	if c := d.counter(p.src); c != nil {
		count(c)
	}
}

// counter is the counter of an address in this interval, nil beyond the limit.
func (d *dials) counter(remote netip.AddrPort) *recording.Dialled {
	c := d.counts[remote]
	if c == nil && len(d.counts) < maxDialled {
		c = &recording.Dialled{Addr: remote.String()}
		d.counts[remote] = c
	}
	return c
}

// take returns and resets the counts, sorted by address. A dial without an answer is counted in the interval in which it has waited
// long enough.
func (d *dials) take(now time.Time) []recording.Dialled {
	for k, w := range d.waiting {
		age := now.Sub(w.at)
		if age >= unansweredAfter && !w.counted {
			w.counted = true
			if c := d.counter(k.remote); c != nil {
				c.Unanswered++
			}
		}
		if age >= forgottenAfter {
			delete(d.waiting, k)
		}
	}
	var all []recording.Dialled
	for _, c := range d.counts {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b recording.Dialled) int { return strings.Compare(a.Addr, b.Addr) })
	clear(d.counts)
	return all
}
