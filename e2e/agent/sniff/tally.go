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

// What is kept at most: distinct questions of an interval, questions that wait for their answer and how long they do, and
// packets of an interval that are parsed. A pod may send as many as it likes.
const (
	maxQuestions = 64
	maxWaiting   = 1024
	patience     = 10 * time.Second
	maxPackets   = 5000
)

// Others is the name under which questions are counted for which there is no more room.
const Others = "(others)"

// Tally counts the questions of one interval after the other. Not safe for concurrent use.
type Tally struct {
	ours    func(tcp bool, local, remote netip.AddrPort) bool
	counts  map[question]*recording.Question
	others  int
	packets int
	waiting map[query]asked
}

type question struct{ name, kind string }

// query is what an answer must have in common with its question.
type query struct {
	tcp           bool
	local, server netip.AddrPort
	id            uint16
}

type asked struct {
	q  question
	at time.Time
}

// NewTally counts nothing yet. What travels over a connection that is ours is left out.
func NewTally(ours func(tcp bool, local, remote netip.AddrPort) bool) *Tally {
	return &Tally{ours: ours, counts: map[question]*recording.Question{}, waiting: map[query]asked{}}
}

// Packet takes one IP packet from its network header on. leaves says that the namespace sends it, else it has come in.
func (t *Tally) Packet(b []byte, leaves bool, now time.Time) {
	if t.packets++; t.packets > maxPackets {
		return
	}
	p, ok := parse(b)
	if !ok {
		return
	}
	k := query{tcp: p.tcp, local: p.dst, server: p.src}
	if leaves {
		k.local, k.server = p.src, p.dst
	}
	if k.server.Port() != dnsPort || t.ours(k.tcp, k.local, k.server) {
		return
	}
	var m dns.Msg
	err := m.Unpack(p.message())
	// Of a message that is cut off the beginning is there all the same.
	if len(m.Question) != 1 || m.Opcode != dns.OpcodeQuery || m.Response == leaves {
		return
	}
	k.id = m.Id
	q := question{strings.ToLower(strings.TrimSuffix(m.Question[0].Name, ".")), dns.Type(m.Question[0].Qtype).String()}
	if leaves {
		t.asks(k, q, now)
	} else {
		t.answers(k, q, &m, err == nil)
	}
}

func (t *Tally) asks(k query, q question, now time.Time) {
	if c := t.count(q); c != nil {
		c.Count++
	} else {
		t.others++
	}
	if len(t.waiting) >= maxWaiting {
		for old, a := range t.waiting {
			if now.Sub(a.at) > patience {
				delete(t.waiting, old)
			}
		}
	}
	if len(t.waiting) < maxWaiting {
		t.waiting[k] = asked{q, now}
	}
}

// answers counts the first answer to a question that was heard. It belongs to the interval in which it came.
func (t *Tally) answers(k query, q question, m *dns.Msg, whole bool) {
	if a, ok := t.waiting[k]; !ok || a.q != q {
		return
	}
	delete(t.waiting, k)
	c := t.count(q)
	if c == nil {
		return
	}
	if c.RCodes == nil {
		c.RCodes = map[string]int{}
	}
	c.RCodes[rcode(m.Rcode)]++
	has := func(rr dns.RR) bool { return rr.Header().Rrtype == m.Question[0].Qtype }
	if whole && m.Rcode == dns.RcodeSuccess && !m.Truncated && !slices.ContainsFunc(m.Answer, has) {
		c.Empty++
	}
}

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(n)
}

// count is where a question of this interval is counted, nil when there is no more room.
func (t *Tally) count(q question) *recording.Question {
	c := t.counts[q]
	if c == nil && len(t.counts) < maxQuestions {
		c = &recording.Question{Name: q.name, Type: q.kind}
		t.counts[q] = c
	}
	return c
}

// Take gives what was counted since it was taken last, sorted by name and type, and how many packets were not looked at.
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
