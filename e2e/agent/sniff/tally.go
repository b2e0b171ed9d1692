package sniff

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/recording"
)

// The limits: distinct questions of an interval, questions without an answer and how long they are kept, and parsed packets
// of an interval, and recorded answers to a question. A pod may send any number.
const (
	maxQuestions  = 64
	maxWaiting    = 1024
	answerTimeout = 10 * time.Second
	maxPackets    = 5000
	maxAnswers    = 16
)

// Others is the name for questions beyond maxQuestions.
const Others = "(others)"

// Tally counts the questions and the dials of successive intervals. Not safe for concurrent use.
type Tally struct {
	dials   dials
	isOwn   func(tcp bool, local, remote netip.AddrPort) bool
	counts  map[question]*recording.Question
	others  int
	packets int
	waiting map[query]pending
}

type question struct{ name, kind string }

// query matches an answer with its question.
type query struct {
	tcp           bool
	local, server netip.AddrPort
	id            uint16
}

type pending struct {
	q  question
	at time.Time
}

// NewTally returns an empty Tally. Packets of the agent's own connections are not counted.
func NewTally(isOwn func(tcp bool, local, remote netip.AddrPort) bool) *Tally {
	return &Tally{dials: newDials(), isOwn: isOwn, counts: map[question]*recording.Question{}, waiting: map[query]pending{}}
}

// Packet counts one IP packet, from its network header on. outgoing means that the namespace sends it.
func (t *Tally) Packet(b []byte, outgoing bool, now time.Time) {
	if t.packets++; t.packets > maxPackets {
		return
	}
	p, ok := parse(b)
	if !ok {
		if from, to, rejected, is := parseUndelivered(b); is && !outgoing {
			t.dials.undelivered(from, to, rejected)
		}
		return
	}
	if p.tcp {
		t.dials.segment(p, outgoing, now)
	}
	k := query{tcp: p.tcp, local: p.dst, server: p.src}
	if outgoing {
		k.local, k.server = p.src, p.dst
	}
	if k.server.Port() != dnsPort || t.isOwn(k.tcp, k.local, k.server) {
		return
	}
	var m dns.Msg
	err := m.Unpack(p.message())
	// The beginning of a truncated message is unpacked in spite of the error.
	if len(m.Question) != 1 || m.Opcode != dns.OpcodeQuery || m.Response == outgoing {
		return
	}
	k.id = m.Id
	q := question{strings.ToLower(strings.TrimSuffix(m.Question[0].Name, ".")), dns.Type(m.Question[0].Qtype).String()}
	if outgoing {
		t.addQuestion(k, q, now)
	} else {
		t.addAnswer(k, q, &m, err == nil)
	}
}

func (t *Tally) addQuestion(k query, q question, now time.Time) {
	if c := t.counter(q); c != nil {
		c.Count++
	} else {
		t.others++
	}
	if len(t.waiting) >= maxWaiting {
		for old, a := range t.waiting {
			if now.Sub(a.at) > answerTimeout {
				delete(t.waiting, old)
			}
		}
	}
	if len(t.waiting) < maxWaiting {
		t.waiting[k] = pending{q, now}
	}
}

// addAnswer counts the first answer to a captured question, in the interval in which it arrived.
func (t *Tally) addAnswer(k query, q question, m *dns.Msg, complete bool) {
	if a, ok := t.waiting[k]; !ok || a.q != q {
		return
	}
	delete(t.waiting, k)
	c := t.counter(q)
	if c == nil {
		return
	}
	if c.RCodes == nil {
		c.RCodes = map[string]int{}
	}
	c.RCodes[rcode(m.Rcode)]++
	keepAnswers(c, m)
	has := func(rr dns.RR) bool { return rr.Header().Rrtype == m.Question[0].Qtype }
	if complete && m.Rcode == dns.RcodeSuccess && !m.Truncated && !slices.ContainsFunc(m.Answer, has) {
		c.Empty++
	}
}

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(n)
}

// counter is the counter of a question in this interval, nil beyond the limit.
func (t *Tally) counter(q question) *recording.Question {
	c := t.counts[q]
	if c == nil && len(t.counts) < maxQuestions {
		c = &recording.Question{Name: q.name, Type: q.kind}
		t.counts[q] = c
	}
	return c
}

// keepAnswers adds what the answer's records of the questioned type lead to, the first few of them, and the shortest time for
// which one may be cached.
func keepAnswers(c *recording.Question, m *dns.Msg) {
	for _, rr := range m.Answer {
		to := ""
		switch rr := rr.(type) {
		case *dns.A:
			to = rr.A.String()
		case *dns.AAAA:
			to = rr.AAAA.String()
		case *dns.SRV:
			to = strings.ToLower(strings.TrimSuffix(rr.Target, ".")) + ":" + strconv.Itoa(int(rr.Port))
		}
		h := rr.Header()
		if to == "" || h.Rrtype != m.Question[0].Qtype {
			continue
		}
		if ttl := time.Duration(h.Ttl) * time.Second; len(c.Got) == 0 || ttl < c.TTL {
			c.TTL = ttl
		}
		if len(c.Got) < maxAnswers && !slices.Contains(c.Got, to) {
			c.Got = append(c.Got, to)
		}
	}
}

// Dials returns and resets the dials since the last call, sorted by address.
func (t *Tally) Dials(now time.Time) []recording.Dialled { return t.dials.take(now) }

// Take returns and resets the counts since the last call, sorted by name and type, and the number of packets that were not
// parsed.
func (t *Tally) Take() (all []recording.Question, unread int) {
	for _, c := range t.counts {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b recording.Question) int {
		return strings.Compare(a.Name+" "+a.Type, b.Name+" "+b.Type)
	})
	if t.others > 0 {
		all = append(all, recording.Question{Name: Others, Count: t.others})
	}
	unread = max(0, t.packets-maxPackets)
	clear(t.counts)
	t.others, t.packets = 0, 0
	return all, unread
}
