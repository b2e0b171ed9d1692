package sniff

import (
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
