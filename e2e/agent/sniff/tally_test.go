package sniff

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/recording"
)

var (
	podA, podB = netip.MustParseAddrPort("10.0.0.7:40000"), netip.MustParseAddrPort("[fd00::7]:40000")
	dnsA, dnsB = netip.MustParseAddrPort("10.96.0.10:53"), netip.MustParseAddrPort("[fd00::10]:53")
)

func noOwnConns(bool, netip.AddrPort, netip.AddrPort) bool { return false }

func ask(id uint16, name string, kind uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, kind)
	m.Id = id
	return m
}

func reply(q *dns.Msg, rcode int, records ...dns.RR) *dns.Msg {
	m := new(dns.Msg).SetRcode(q, rcode)
	m.Answer = records
	return m
}

func a(name string) dns.RR {
	return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: []byte{10, 0, 0, 1}}
}

// ip puts a payload into an IP packet. IPv4 and TCP headers have options.
func ip(tcp bool, src, dst netip.AddrPort, payload []byte) []byte {
	var l4 []byte
	l4 = binary.BigEndian.AppendUint16(l4, src.Port())
	l4 = binary.BigEndian.AppendUint16(l4, dst.Port())
	proto := byte(protoUDP)
	if tcp {
		proto = protoTCP
		l4 = append(l4, make([]byte, 20)...)
		l4[12] = 6 << 4 // 24 bytes of header
	} else {
		l4 = append(binary.BigEndian.AppendUint16(l4, uint16(8+len(payload))), 0, 0)
	}
	l4 = append(l4, payload...)
	if src.Addr().Is4() {
		b := make([]byte, 24, 24+len(l4)) // four bytes of options
		b[0], b[9] = 4<<4|6, proto
		binary.BigEndian.PutUint16(b[2:], uint16(24+len(l4)))
		s, d := src.Addr().As4(), dst.Addr().As4()
		copy(b[12:], s[:])
		copy(b[16:], d[:])
		return append(b, l4...)
	}
	b := make([]byte, 40, 40+len(l4))
	b[0], b[6] = 6<<4, proto
	binary.BigEndian.PutUint16(b[4:], uint16(len(l4)))
	s, d := src.Addr().As16(), dst.Addr().As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return append(b, l4...)
}

// segment is a TCP segment without payload.
func segment(flags, ttl byte, src, dst netip.AddrPort) []byte {
	b := ip(true, src, dst, nil)
	if src.Addr().Is4() {
		b[8], b[24+13] = ttl, flags
	} else {
		b[7], b[40+13] = ttl, flags
	}
	return b
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exchange sends a question and, unless it is nil, receives an answer.
func exchange(t *testing.T, x *Tally, q, r *dns.Msg) {
	t.Helper()
	now := time.Unix(1000, 0)
	x.Packet(ip(false, podA, dnsA, pack(t, q)), true, now)
	if r != nil {
		x.Packet(ip(false, dnsA, podA, pack(t, r)), false, now)
	}
}

func wantCounts(t *testing.T, x *Tally, want ...recording.Question) {
	t.Helper()
	got, unread := x.Take()
	if !reflect.DeepEqual(got, want) || unread != 0 {
		t.Errorf("%+v, %d unread; want %+v", got, unread, want)
	}
}

const svc = "derl.ns.svc.cluster.local"

func TestTally(t *testing.T) {
	x := NewTally(noOwnConns)
	wantCounts(t, x)
	q := ask(1, "Derl.NS.svc.cluster.local.", dns.TypeA)
	exchange(t, x, q, reply(q, dns.RcodeSuccess, a(q.Question[0].Name)))
	q = ask(2, svc+".", dns.TypeA)
	exchange(t, x, q, reply(q, dns.RcodeNameError))
	q = ask(3, svc+".", dns.TypeAAAA)
	exchange(t, x, q, reply(q, dns.RcodeSuccess, a(q.Question[0].Name))) // of another type
	exchange(t, x, ask(4, "b.", dns.TypeSRV), nil)
	exchange(t, x, ask(5, ".", 65400), nil)
	got, ttl := []string{"10.0.0.1"}, 5*time.Second
	wantCounts(t, x,
		recording.Question{Name: "", Type: "TYPE65400", Count: 1},
		recording.Question{Name: "b", Type: "SRV", Count: 1},
		recording.Question{Name: svc, Type: "A", Count: 2, RCodes: map[string]int{"NOERROR": 1, "NXDOMAIN": 1}, Got: got, TTL: ttl},
		recording.Question{Name: svc, Type: "AAAA", Count: 1, RCodes: map[string]int{"NOERROR": 1}, Empty: 1},
	)
	wantCounts(t, x)

	// A late answer is counted in the interval in which it arrives, and only once.
	late := ask(4, "b.", dns.TypeSRV)
	r := ip(false, dnsA, podA, pack(t, reply(late, dns.RcodeServerFailure)))
	x.Packet(r, false, time.Unix(1001, 0))
	x.Packet(r, false, time.Unix(1001, 0))
	wantCounts(t, x, recording.Question{Name: "b", Type: "SRV", RCodes: map[string]int{"SERVFAIL": 1}})

	// A truncated answer does not count as empty.
	q = ask(6, "c.", dns.TypeA)
	cut := reply(q, dns.RcodeSuccess)
	cut.Truncated = true
	exchange(t, x, q, cut)
	q = ask(7, "c.", dns.TypeA)
	exchange(t, x, q, nil)
	b := pack(t, reply(q, dns.RcodeSuccess, a("c.")))
	x.Packet(ip(false, dnsA, podA, b[:len(b)-2]), false, time.Unix(1000, 0))
	wantCounts(t, x, recording.Question{Name: "c", Type: "A", Count: 2, RCodes: map[string]int{"NOERROR": 2}})
}

func TestTallyOverTCPAndIPv6(t *testing.T) {
	x := NewTally(noOwnConns)
	framed := func(m *dns.Msg) []byte {
		b := pack(t, m)
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	now := time.Unix(1000, 0)
	q := ask(1, "d.", dns.TypeA)
	x.Packet(ip(true, podB, dnsB, nil), true, now) // a SYN
	x.Packet(ip(true, podB, dnsB, framed(q)), true, now)
	x.Packet(ip(true, dnsB, podB, framed(reply(q, dns.RcodeSuccess, a("d.")))), false, now)
	x.Packet(ip(false, podB, dnsB, pack(t, q)), true, now)
	wantCounts(t, x, recording.Question{Name: "d", Type: "A", Count: 2, RCodes: map[string]int{"NOERROR": 1}, Got: []string{"10.0.0.1"}, TTL: 5 * time.Second})
}

func TestOtherPacketsAreNotCounted(t *testing.T) {
	q := ask(1, "e.", dns.TypeA)
	question, answer := pack(t, q), pack(t, reply(q, dns.RcodeSuccess, a("e.")))
	two := ask(1, "e.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	update := ask(1, "e.", dns.TypeA)
	update.Opcode = dns.OpcodeUpdate
	other := netip.MustParseAddrPort("10.96.0.10:5353")
	fragment := ip(false, podA, dnsA, question)
	fragment[7] = 1
	for name, c := range map[string]struct {
		packet []byte
		leaves bool
	}{
		"a question to the pod itself":  {ip(false, dnsA, podA, question), false},
		"a question that comes in":      {ip(false, podA, dnsA, question), false},
		"an answer that the pod gives":  {ip(false, dnsA, podA, answer), true},
		"an answer without question":    {ip(false, dnsA, podA, answer), false},
		"an answer sent to port 53":     {ip(false, podA, dnsA, answer), true},
		"another port":                  {ip(false, podA, other, question), true},
		"two questions":                 {ip(false, podA, dnsA, pack(t, two)), true},
		"an update":                     {ip(false, podA, dnsA, pack(t, update)), true},
		"no DNS":                        {ip(false, podA, dnsA, []byte("GET / HTTP/1.1\r\n\r\n")), true},
		"a later fragment":              {fragment, true},
		"nothing":                       {nil, true},
		"half a header":                 {ip(false, podA, dnsA, nil)[:22], true},
		"a TCP segment without message": {ip(true, podA, dnsA, []byte{0}), true},
	} {
		x := NewTally(noOwnConns)
		x.Packet(c.packet, c.leaves, time.Unix(1000, 0))
		if got, _ := x.Take(); len(got) > 0 {
			t.Errorf("%s is counted: %+v", name, got)
		}
	}
	// The agent's own questions are not counted.
	x := NewTally(func(tcp bool, local, remote netip.AddrPort) bool { return !tcp && local == podA && remote == dnsA })
	exchange(t, x, q, reply(q, dns.RcodeSuccess))
	wantCounts(t, x)
	// An answer to another question with the same id is not counted.
	x = NewTally(noOwnConns)
	exchange(t, x, q, reply(ask(1, "f.", dns.TypeA), dns.RcodeSuccess))
	wantCounts(t, x, recording.Question{Name: "e", Type: "A", Count: 1})
}

func TestLimits(t *testing.T) {
	x := NewTally(noOwnConns)
	for i := range 2 * maxWaiting {
		exchange(t, x, ask(uint16(i), fmt.Sprintf("n%d.", i%100), dns.TypeA), nil)
	}
	got, unread := x.Take()
	if len(got) != maxQuestions+1 || got[maxQuestions].Name != Others || unread != 0 {
		t.Fatalf("%d questions, %d unread", len(got), unread)
	}
	sum := 0
	for _, q := range got {
		sum += q.Count
	}
	if sum != 2*maxWaiting {
		t.Errorf("%d of %d questions are counted", sum, 2*maxWaiting)
	}
	if len(x.waiting) > maxWaiting {
		t.Errorf("%d questions wait for their answers", len(x.waiting))
	}
	// Questions that have waited too long are removed.
	x.Packet(ip(false, podA, dnsA, pack(t, ask(9999, "late.", dns.TypeA))), true, time.Unix(1000, 0).Add(answerTimeout+1))
	if len(x.waiting) != 1 {
		t.Errorf("%d wait for their answers", len(x.waiting))
	}
	x.Take()
	for range maxPackets + 10 {
		exchange(t, x, ask(1, "g.", dns.TypeA), nil)
	}
	if got, unread = x.Take(); len(got) != 1 || got[0].Count != maxPackets || unread != 10 {
		t.Errorf("%+v, %d unread", got, unread)
	}
}

// FuzzPacket feeds any packet: no panic, no growth beyond the limits.
func FuzzPacket(f *testing.F) {
	q := ask(1, svc+".", dns.TypeA)
	f.Add(ip(false, podA, dnsA, pack(f, q)), ip(false, dnsA, podA, pack(f, reply(q, dns.RcodeSuccess, a(svc+".")))))
	b := pack(f, q)
	f.Add(ip(true, podB, dnsB, append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)), ip(true, dnsB, podB, []byte{0, 12}))
	f.Add([]byte{0x4f}, []byte{0x60})
	f.Add(segment(flagSYN, 64, podA, peerA), segment(flagSYN|flagACK, 64, peerA, podA))
	f.Add(segment(flagSYN, 64, podB, peerB), segment(flagRST|flagACK, 64, peerB, podB))
	loop := pack(f, q)
	loop[12], loop[13] = 0xc0, 12 // a name that points to itself
	f.Add(ip(false, podA, dnsA, loop), ip(false, dnsA, podA, loop))
	f.Fuzz(func(t *testing.T, leaving, coming []byte) {
		x := NewTally(noOwnConns)
		for range 3 {
			x.Packet(leaving, true, time.Unix(1000, 0))
			x.Packet(coming, false, time.Unix(1000, 0))
			x.Packet(coming, true, time.Unix(1001, 0))
		}
		all, _ := x.Take()
		if len(all) > 2 || len(x.waiting) > 2 {
			t.Errorf("%d questions, %d wait", len(all), len(x.waiting))
		}
		for _, d := range x.Dials(time.Unix(1000, 0).Add(unansweredAfter)) {
			if n := d.Accepted + d.Refused + d.Unanswered; n > 6 || d.Count > 6 {
				t.Errorf("%+v", d)
			}
		}
		for _, q := range all {
			if q.Count > 6 || q.Empty > 6 || len(q.Name) > 4*255 || q.Type == "" {
				t.Errorf("%+v", q)
			}
		}
	})
}
