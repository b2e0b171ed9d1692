package sniff

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/recording"
)

// The limits of the dials: distinct addresses of an interval, dials that are followed, and after what time a dial counts as
// unanswered and is forgotten. The kernel repeats a SYN after 1 s, 3 s and 7 s.
const (
	maxDialled      = 64
	maxOpen         = maxWaiting / 2
	unansweredAfter = 3 * time.Second
	forgottenAfter  = 20 * time.Second
)

// little is how many bytes a peer has sent at most on a connection that counts as closed early: no answer of epmd and no refused
// handshake is longer.
const little = 2048

// The flags of a TCP segment.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// dials counts the TCP connections that a pod tries to open, by the first segments only: a SYN that leaves, and the SYN-ACK or RST
// that comes back, or an ICMP error. Of those that were accepted it counts which are soon closed, and by whom.
type dials struct {
	counts  map[netip.AddrPort]*recording.Dialled
	waiting map[dial]*attempt
	open    map[dial]*attempt
}

// dial matches an answer with its SYN.
type dial struct{ local, remote netip.AddrPort }

type attempt struct {
	at      time.Time
	counted bool
	first   uint32 // of an accepted one: the number of the first byte that the other end sends
}

func newDials() dials {
	return dials{counts: map[netip.AddrPort]*recording.Dialled{}, waiting: map[dial]*attempt{}, open: map[dial]*attempt{}}
}

// segment counts a TCP segment if it opens, accepts, refuses or ends a connection.
func (d *dials) segment(p packet, outgoing bool, now time.Time) {
	switch kind := p.flags & (flagSYN | flagRST | flagACK); {
	case outgoing && kind == flagSYN:
		d.opens(p, now)
	case outgoing && p.flags&flagFIN != 0:
		d.closed(dial{p.src, p.dst}, p.ack, func(c *recording.Dialled, sent int) { c.Left, c.LeftAfter = c.Left+1, max(c.LeftAfter, sent) })
	case outgoing:
	case kind == flagSYN|flagACK:
		if k := (dial{p.dst, p.src}); d.answered(k, func(c *recording.Dialled) { c.Accepted++ }) && len(d.open) < maxOpen {
			d.open[k] = &attempt{at: now, first: p.seq + 1}
		}
	case p.flags&(flagRST|flagFIN) != 0:
		if !d.answered(dial{p.dst, p.src}, func(c *recording.Dialled) { c.Refused++ }) {
			d.closed(dial{p.dst, p.src}, p.seq+uint32(len(p.payload)), func(c *recording.Dialled, sent int) { c.Closed, c.After = c.Closed+1, max(c.After, sent) })
		}
	}
}

// opens counts a dial, once however often its SYN is repeated. The agent's own are recognized by their TTL. What a pod dials in
// itself leads to no peer.
func (d *dials) opens(p packet, now time.Time) {
	k := dial{p.src, p.dst}
	if p.ttl == netns.OwnTTL || p.dst.Port() == dnsPort || p.dst.Addr().IsLoopback() || p.dst.Addr() == p.src.Addr() || d.waiting[k] != nil {
		return
	}
	delete(d.open, k)
	if c := d.counter(p.dst); c != nil {
		c.Count++
	}
	if len(d.waiting) < maxWaiting {
		d.waiting[k] = &attempt{at: now}
	}
}

// answered counts the answer to a dial. It returns false where none waits for one: the segment ends a connection that was open, or
// nobody has seen its SYN.
func (d *dials) answered(k dial, count func(*recording.Dialled)) bool {
	if d.waiting[k] == nil {
		return false
	}
	delete(d.waiting, k)
	if c := d.counter(k.remote); c != nil {
		count(c)
	}
	return true
}

// closed counts a connection that one end closes first, after the other end has sent only little: up to that number.
func (d *dials) closed(k dial, next uint32, count func(c *recording.Dialled, sent int)) {
	a := d.open[k]
	if a == nil {
		return
	}
	delete(d.open, k)
	sent := next - a.first
	if sent > little {
		return
	}
	if c := d.counter(k.remote); c != nil {
		count(c, int(sent))
	}
}

// undelivered counts a dial that an ICMP message answers.
func (d *dials) undelivered(from, to netip.AddrPort, rejected bool) {
	d.answered(dial{from, to}, func(c *recording.Dialled) {
		if rejected {
			c.Rejected++
		} else {
			c.Unreachable++
		}
	})
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
	for k, a := range d.open {
		if now.Sub(a.at) >= forgottenAfter {
			delete(d.open, k)
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
