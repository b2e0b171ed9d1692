package recording

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// looks are what an agent sees of a mesh of n pods over that many rounds, where something changes now and then.
func looks(n, rounds int, seed uint64) []Event {
	r := rand.New(rand.NewPCG(seed, 1))
	var events []Event
	uid := func(i int) string { return fmt.Sprintf("0f6e1c5a-9b1d-4c44-8a6e-%012d", i) }
	addr := func(i int) string { return fmt.Sprintf("10.244.%d.%d", i/250, i%250) }
	t := time.Duration(0)
	look := func(e Event) {
		e.T, e.By = t, "agent/n"
		events = append(events, e)
		t += time.Duration(r.IntN(int(time.Millisecond)))
	}
	data := map[string]time.Duration{} // when data last arrived
	for round := range rounds {
		there := n
		if round%10 == 9 {
			there = 1 + r.IntN(n)
		}
		for i := range n {
			var names, addrs []string
			var links []Link
			for j := range there {
				addrs = append(addrs, addr(j))
				if j == i {
					continue
				}
				names = append(names, "derl@"+addr(j))
				l := Link{Local: addr(i) + ":10000", Remote: fmt.Sprintf("%s:%d", addr(j), 40000+j)}
				if r.IntN(20) == 0 || data[l.ends()] == 0 {
					data[l.ends()] = t
				}
				l.Idle = (t - data[l.ends()]).Truncate(4 * time.Millisecond)
				if r.IntN(100) == 0 {
					l.Unsent = uint32(r.IntN(3))
				}
				links = append(links, l)
			}
			r.Shuffle(len(addrs), func(a, b int) { addrs[a], addrs[b] = addrs[b], addrs[a] }) // as a DNS server does
			look(Event{Nodes: &Nodes{Pod: uid(i), Outcome: OK, Node: "derl@" + addr(i), Creation: 7, OTP: "27", Visible: names, Took: time.Duration(r.IntN(1e6))}})
			look(Event{Sockets: &Sockets{Pod: uid(i), Outcome: OK, Links: links, Listen: []string{"0.0.0.0:10000", "0.0.0.0:4369"}}})
			look(Event{DNS: &DNS{Pod: uid(i), Name: "derl.ns.svc.cluster.local.", Type: "A", Server: "10.96.0.10", Outcome: OK, RCode: "NOERROR", Addrs: addrs, Took: 3}})
			j := r.IntN(n)
			look(Event{EPMD: &EPMD{From: uid(i), To: uid(j), Addr: addr(j) + ":4369", Outcome: OK, Names: []Registered{{"derl", 10000}}, Took: 5}})
			look(Event{Dist: &Dist{From: uid(i), To: uid(j), Addr: addr(j) + ":10000", Outcome: OK, Status: "named", Node: "derl@" + addr(j), Flags: 55, Creation: 7, Took: 5}})
		}
		t += 250 * time.Millisecond
	}
	return events
}

// asSets sorts what has no order.
func asSets(e Event) Event {
	switch {
	case e.Nodes != nil:
		n := *e.Nodes
		n.Visible = slices.Sorted(slices.Values(n.Visible))
		e.Nodes = &n
	case e.DNS != nil:
		d := *e.DNS
		d.Addrs = slices.Sorted(slices.Values(d.Addrs))
		e.DNS = &d
	case e.Sockets != nil:
		s := *e.Sockets
		s.Links = slices.SortedFunc(slices.Values(s.Links), func(a, b Link) int { return strings.Compare(a.ends(), b.ends()) })
		e.Sockets = &s
	}
	return e
}

// What comes back is what was written, in another order, with idle times as exact as they are promised to be.
func TestRepeatedLooksComeBack(t *testing.T) {
	for seed := range uint64(20) {
		want := looks(1+int(seed)%7, 30, seed)
		var got []Event
		if _, err := Read(strings.NewReader(text(t, want)), func(e Event) { got = append(got, e) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d events came back of %d", len(got), len(want))
		}
		for i := range want {
			g, w := asSets(got[i]), asSets(want[i])
			if w.Sockets != nil && g.Sockets != nil && len(w.Sockets.Links) == len(g.Sockets.Links) {
				for j, l := range w.Sockets.Links {
					if off := (g.Sockets.Links[j].Idle - l.Idle).Abs(); off > idleSlack {
						t.Fatalf("seed %d, event %d: the idle time of %s is off by %s", seed, i, l.ends(), off)
					}
					g.Sockets.Links[j].Idle = l.Idle
				}
			}
			if !reflect.DeepEqual(g, w) && fmt.Sprintf("%+v", g.Sockets) != fmt.Sprintf("%+v", w.Sockets) {
				t.Fatalf("seed %d, event %d (%v) came back as\n%+v\nand was\n%+v", seed, i, w.Kinds(), g, w)
			}
		}
	}
}

// A mesh that is watched and does not change costs little: what is written of a look does not grow with the mesh.
func TestALookThatShowsNothingNewIsShort(t *testing.T) {
	const n = 50
	few, many := len(text(t, looks(n, 1, 1))), len(text(t, looks(n, 9, 1)))
	events := len(looks(n, 9, 1)) - len(looks(n, 1, 1))
	if each := (many - few) / events; each > 400 {
		t.Errorf("a further look takes %d bytes on average, where a view and a table of %d pods have %d", each, n, few/n)
	}
}

func TestWhatCannotBeRepeatedIsAnError(t *testing.T) {
	h, _ := sample()
	var b strings.Builder
	w := NewWriter(&b, h)
	w.Write(Event{T: 1, By: "agent/n", Nodes: &Nodes{Pod: "a", Outcome: OK}}) // line 2
	w.Write(Event{T: 2, By: "agent/n", Beat: &Beat{}})
	for name, c := range map[string]struct{ line, says string }{
		"no such line":     {`{"t":3,"by":"agent/n","again":{"as":9}}`, "line 4: it repeats line 9"},
		"no look":          {`{"t":3,"by":"agent/n","again":{"as":3}}`, "line 4: it repeats line 3"},
		"itself":           {`{"t":3,"by":"agent/n","again":{"as":4}}`, "line 4: it repeats line 4"},
		"another observer": {`{"t":3,"by":"agent/m","again":{"as":2}}`, "line 4: it repeats line 2 of another observer"},
		"a line twice":     {`{"t":3,"by":"agent/n","again":{"as":2}}` + "\n" + `{"t":4,"by":"agent/n","again":{"as":2}}`, "line 5: it repeats line 2"},
		"two kinds":        {`{"t":3,"by":"agent/n","again":{"as":2},"beat":{}}`, "line 4: an event must be of one kind"},
	} {
		if _, err := Read(strings.NewReader(b.String()+c.line+"\n"), func(Event) {}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

// A list that is longer than any plan is written whole each time, and cannot be repeated by a short line.
func TestALongListIsNotRepeated(t *testing.T) {
	var long []string
	for i := range maxRepeated + 1 {
		long = append(long, fmt.Sprint(i))
	}
	e := Event{By: "agent/n", Nodes: &Nodes{Pod: "a", Outcome: OK, Visible: long}}
	if s := text(t, []Event{e, e}); strings.Contains(s, "again") {
		t.Error("a list of more than maxRepeated names was repeated")
	}
	var r Restorer
	if _, err := r.Restore(e, 2, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Restore(Event{By: "agent/n", Again: &Again{As: 2}}, 3, 0); err == nil {
		t.Error("it can be repeated")
	}
}

func BenchmarkShorten(b *testing.B) {
	events := looks(50, 20, 1)
	b.ReportAllocs()
	for b.Loop() {
		var s Shortener
		for i, e := range events {
			s.Shorten(e, uint64(i), e.T)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// A recording of more pairs than maxLooks is still whole; those beyond it are written whole each time.
func TestMoreLooksThanAreKept(t *testing.T) {
	var events []Event
	for range 2 {
		for i := range maxLooks + 10 {
			events = append(events, Event{By: "agent/n", Dist: &Dist{From: fmt.Sprint(i), To: "b", Outcome: OK}})
		}
	}
	s := text(t, events)
	if n := strings.Count(s, `"again"`); n != maxLooks {
		t.Errorf("%d lines repeat another, want %d", n, maxLooks)
	}
	n := 0
	if _, err := Read(strings.NewReader(s), func(e Event) {
		if !reflect.DeepEqual(e, events[n]) {
			t.Fatalf("event %d came back as %+v", n, e)
		}
		n++
	}); err != nil || n != len(events) {
		t.Errorf("%d of %d events, %v", n, len(events), err)
	}
}
