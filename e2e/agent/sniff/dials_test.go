package sniff

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/recording"
)

var peerA, peerB = netip.MustParseAddrPort("10.0.0.8:4369"), netip.MustParseAddrPort("[fd00::8]:10000")

// from is the pod's address with another port.
func from(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }

func wantDials(t *testing.T, x *Tally, at time.Time, want ...recording.Dialled) {
	t.Helper()
	if got := x.Dials(at); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestDials(t *testing.T) {
	x, at := NewTally(noOwnConns), time.Unix(1000, 0)
	wantDials(t, x, at)
	for i := range uint16(3) {
		a, b := from(podA, 40000+i), from(podB, 40000+i)
		for range 2 { // a SYN that is repeated counts once
			x.Packet(segment(flagSYN, 64, a, peerA), true, at)
		}
		x.Packet(segment(flagSYN, 64, b, peerB), true, at)
		switch i {
		case 0:
			x.Packet(segment(flagSYN|flagACK, 64, peerA, a), false, at)
			x.Packet(segment(flagRST, 64, peerA, a), false, at) // the end of an open connection refuses nothing
		case 1:
			x.Packet(segment(flagRST|flagACK, 64, peerA, a), false, at)
			x.Packet(segment(flagRST|flagACK, 64, peerB, b), false, at)
		}
	}
	wantDials(t, x, at.Add(time.Second),
		recording.Dialled{Addr: "10.0.0.8:4369", Count: 3, Accepted: 1, Refused: 1},
		recording.Dialled{Addr: "[fd00::8]:10000", Count: 3, Refused: 1})
	wantDials(t, x, at.Add(2*time.Second))
	// What has waited for three seconds is unanswered, once; a late answer is counted all the same.
	wantDials(t, x, at.Add(unansweredAfter),
		recording.Dialled{Addr: "10.0.0.8:4369", Unanswered: 1},
		recording.Dialled{Addr: "[fd00::8]:10000", Unanswered: 2})
	x.Packet(segment(flagSYN|flagACK, 64, peerA, from(podA, 40002)), false, at)
	wantDials(t, x, at.Add(4*time.Second), recording.Dialled{Addr: "10.0.0.8:4369", Accepted: 1})
	if x.Dials(at.Add(forgottenAfter)); len(x.dials.waiting) > 0 {
		t.Errorf("%d dials wait for an answer", len(x.dials.waiting))
	}
}

func TestOtherSegmentsAreNoDials(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		leaves bool
	}{
		"the agent's own":          {segment(flagSYN, netns.OwnTTL, podA, peerA), true},
		"the agent's own, IPv6":    {segment(flagSYN, netns.OwnTTL, podB, peerB), true},
		"a dial to the pod":        {segment(flagSYN, 64, peerA, podA), false},
		"the pod's answer":         {segment(flagSYN|flagACK, 64, podA, peerA), true},
		"the pod refuses":          {segment(flagRST|flagACK, 64, podA, peerA), true},
		"an answer to nothing":     {segment(flagSYN|flagACK, 64, peerA, podA), false},
		"data":                     {segment(flagACK, 64, podA, peerA), true},
		"DNS over TCP":             {segment(flagSYN, 64, podA, dnsA), true},
		"on loopback":              {segment(flagSYN, 64, netip.MustParseAddrPort("127.0.0.1:4000"), netip.MustParseAddrPort("127.0.0.1:4369")), true},
		"to the pod's own address": {segment(flagSYN, 64, podA, from(podA, 4369)), true},
	} {
		x := NewTally(noOwnConns)
		x.Packet(c.packet, c.leaves, time.Unix(1000, 0))
		if got := x.Dials(time.Unix(1000, 0)); len(got) > 0 {
			t.Errorf("%s is counted: %+v", name, got)
		}
	}
}

func TestLimitsOfDials(t *testing.T) {
	x, at := NewTally(noOwnConns), time.Unix(1000, 0)
	for i := range uint16(2 * maxWaiting) {
		x.Packet(segment(flagSYN, 64, from(podA, 1000+i), netip.MustParseAddrPort(fmt.Sprintf("10.0.1.%d:4369", i%200))), true, at)
	}
	if got := x.Dials(at); len(got) != maxDialled || len(x.dials.waiting) != maxWaiting {
		t.Errorf("%d addresses, %d wait", len(got), len(x.dials.waiting))
	}
}

// An answer may have any number of records: the first few are kept, each once, with the shortest time in a cache.
func TestAnswersAreKept(t *testing.T) {
	x := NewTally(noOwnConns)
	q := ask(1, svc+".", 1)
	r := reply(q, 0)
	for range 3 * maxAnswers {
		r.Answer = append(r.Answer, a(svc+"."))
	}
	exchange(t, x, q, r)
	wantCounts(t, x, recording.Question{Name: svc, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}, Got: []string{"10.0.0.1"}, TTL: 5 * time.Second})
}

// A peer that refuses the cookie closes after its challenge. One that keeps the connection, or the pod that has had enough, is
// something else, and so is an end after more than a handshake.
func TestWhoClosesIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(x *Tally, at time.Time)
		want recording.Dialled
	}{
		"the peer, with its last bytes": {func(x *Tally, at time.Time) { x.Packet(numbered(flagFIN|flagACK, peerA, podA, 7+1+30, 11), false, at) }, recording.Dialled{Closed: 1, After: 41}},
		"the peer, without a byte":      {func(x *Tally, at time.Time) { x.Packet(numbered(flagFIN|flagACK, peerA, podA, 7+1, 0), false, at) }, recording.Dialled{Closed: 1}},
		"the peer, by a reset":          {func(x *Tally, at time.Time) { x.Packet(numbered(flagRST, peerA, podA, 7+1+5, 0), false, at) }, recording.Dialled{Closed: 1, After: 5}},
		"the peer, after much": {func(x *Tally, at time.Time) {
			x.Packet(numbered(flagFIN|flagACK, peerA, podA, 7+1+little+1, 0), false, at)
		}, recording.Dialled{}},
		"the pod, and the peer after it": {func(x *Tally, at time.Time) {
			x.Packet(acknowledging(numbered(flagFIN|flagACK, podA, peerA, 90, 0), 7+1+41), true, at)
			x.Packet(numbered(flagFIN|flagACK, peerA, podA, 7+1+41, 0), false, at)
		}, recording.Dialled{Left: 1, LeftAfter: 41}},
		"the peer, long after the dial": {func(x *Tally, at time.Time) {
			x.Dials(at.Add(forgottenAfter))
			x.Packet(numbered(flagFIN|flagACK, peerA, podA, 7+1, 0), false, at)
		}, recording.Dialled{Addr: "gone"}},
	} {
		x, at := NewTally(noOwnConns), time.Unix(1000, 0)
		x.Packet(segment(flagSYN, 64, podA, peerA), true, at)
		x.Packet(numbered(flagSYN|flagACK, peerA, podA, 7, 0), false, at)
		c.ends(x, at)
		if c.want.Addr == "gone" {
			wantDials(t, x, at)
			continue
		}
		c.want.Addr, c.want.Count, c.want.Accepted = peerA.String(), 1, 1
		if got := x.Dials(at); len(got) != 1 || got[0] != c.want || len(x.dials.open) > 0 && c.want.Closed > 0 {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// numbered is a segment with a sequence number and so many bytes.
func numbered(flags byte, src, dst netip.AddrPort, seq uint32, n int) []byte {
	b := ip(true, src, dst, make([]byte, n))
	b[24+13] = flags
	binary.BigEndian.PutUint32(b[24+4:], seq)
	return b
}

// acknowledging lets the segment acknowledge all bytes before that one.
func acknowledging(b []byte, ack uint32) []byte {
	binary.BigEndian.PutUint32(b[24+8:], ack)
	return b
}

func TestUndelivered(t *testing.T) {
	for _, c := range []struct {
		code byte
		v6   bool
		want recording.Dialled
	}{
		{13, false, recording.Dialled{Rejected: 1}}, {3, false, recording.Dialled{Rejected: 1}}, {1, false, recording.Dialled{Unreachable: 1}},
		{tooBig, false, recording.Dialled{}}, {1, true, recording.Dialled{Rejected: 1}}, {3, true, recording.Dialled{Unreachable: 1}},
	} {
		x, at := NewTally(noOwnConns), time.Unix(1000, 0)
		src, dst := podA, peerA
		if c.v6 {
			src, dst = podB, peerB
		}
		x.Packet(segment(flagSYN, 64, src, dst), true, at)
		m := icmp(c.code, c.v6, segment(flagSYN, 64, src, dst))
		x.Packet(m, true, at) // what the pod itself says of others
		for n := range len(m) {
			x.Packet(m[:n:n], false, at) // one that is cut says nothing of another
		}
		x.Packet(m, false, at)
		c.want.Addr, c.want.Count = dst.String(), 1
		if got := x.Dials(at); len(got) != 1 || got[0] != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}

// icmp is a message that says that the packet was not delivered.
func icmp(code byte, v6 bool, about []byte) []byte {
	if v6 {
		b := make([]byte, 48)
		b[0], b[6], b[40], b[41] = 6<<4, protoICMPv6, undeliveredV6, code
		return append(b, about[:44]...)
	}
	b := make([]byte, 28)
	b[0], b[9], b[20], b[21] = 4<<4|5, protoICMP, undelivered, code
	return append(b, about[:28]...)
}
