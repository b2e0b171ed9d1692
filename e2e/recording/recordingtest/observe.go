package recordingtest

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// The intervals of the observations, as the agent has them.
const (
	everyView   = 250 * time.Millisecond
	everyMatrix = time.Second
	everyDNS    = 500 * time.Millisecond
	everyBeat   = 500 * time.Millisecond
)

// observe writes down what the agent sees from from to to.
func (w *world) observe(from, to time.Duration) {
	each(from, to, everyBeat, func(t time.Duration) { w.add(t, Agent, recording.Event{Beat: &recording.Beat{}}) })
	each(from, to, everyMatrix, func(t time.Duration) { w.add(t, "kube", recording.Event{Beat: &recording.Beat{}}) })
	for _, p := range w.pods {
		begin, end := max(from, p.started), min(to, p.exited)
		w.inside(p, begin, end)
		each(begin, end, everyView, func(t time.Duration) {
			w.add(t, Agent, recording.Event{Nodes: w.view(p, t)})
			w.add(t, Agent, recording.Event{Sockets: w.sockets(p, t)})
		})
		each(begin, end, everyDNS, func(t time.Duration) { w.add(t, Agent, recording.Event{DNS: w.dns(p, t)}) })
		for _, q := range w.pods {
			if p.i == q.i {
				continue
			}
			each(max(begin, q.ready), min(end, q.exited), everyMatrix, func(t time.Duration) { w.dial(p, q, t) })
		}
	}
}

// each calls f at every step of an observation that begins at from; the last one is before to.
func each(from, to, step time.Duration, f func(t time.Duration)) {
	for t := from; t < to; t += step {
		f(t)
	}
	if step != everyMatrix && from < to && to < never {
		// Observers do not stop in step with the recording: one more look just before its end.
		f(to - time.Millisecond)
	}
}

// linked reports whether p and q hold a connection at t.
func linked(p, q life, t time.Duration) bool {
	return p.i != q.i && t >= p.joined && t >= q.joined && t < p.exited && t < q.exited
}

// apart is a time in which pod p does not see pod q, though both run. When it is over they have made a new connection.
type apart struct {
	p, q     int
	from, to time.Duration
}

// sees reports whether p sees q at t, and how many times they have made a new connection before.
func (w *world) sees(p, q life, t time.Duration) (sees bool, again int) {
	sees = linked(p, q, t)
	for _, a := range w.apart {
		if a.p == p.i && a.q == q.i {
			if t >= a.from && t < a.to {
				sees = false
			}
			if t >= a.to {
				again++
			}
		}
	}
	return sees, again
}

func (w *world) view(p life, t time.Duration) *recording.Nodes {
	n := &recording.Nodes{Pod: UID(p.i), Outcome: recording.OK, Node: Node(p.i), Creation: p.creation(), OTP: "28", Took: 300 * time.Microsecond}
	for _, q := range w.pods {
		if sees, _ := w.sees(p, q, t); sees {
			n.Visible = append(n.Visible, Node(q.i))
		}
	}
	return n
}

// sockets has one connection for each pair, made by the pod with the higher number.
func (w *world) sockets(p life, t time.Duration) *recording.Sockets {
	s := &recording.Sockets{Pod: UID(p.i), Outcome: recording.OK, Listen: []string{fmt.Sprintf("0.0.0.0:%d", EPMDPort), fmt.Sprintf("0.0.0.0:%d", DistPort)}}
	for _, q := range w.pods {
		sees, again := w.sees(p, q, t)
		if !sees {
			continue
		}
		l := recording.Link{Local: ephemeral(p.i, q.i, again), Remote: fmt.Sprintf("%s:%d", IP(q.i), DistPort)}
		if p.i < q.i {
			l = recording.Link{Local: fmt.Sprintf("%s:%d", IP(p.i), DistPort), Remote: ephemeral(q.i, p.i, again)}
		}
		s.Links = append(s.Links, l)
	}
	return s
}

// Ephemeral is the address that pod i connected from to pod j, a pod of a lower number.
func Ephemeral(i, j int) string { return ephemeral(i, j, 0) }

// ephemeral is that of the connection which they have made again so many times.
func ephemeral(i, j, again int) string { return fmt.Sprintf("%s:%d", IP(i), 40000+j+1000*again) }

// propagation is how long after a pod's change DNS tells of it.
const propagation = 300 * time.Millisecond

func (w *world) dns(p life, t time.Duration) *recording.DNS {
	d := &recording.DNS{Pod: UID(p.i), Name: Service + "." + Namespace + ".svc.cluster.local.", Type: "A", Server: "10.96.0.10", Outcome: recording.OK, RCode: "NOERROR", Took: time.Millisecond}
	for _, q := range w.pods {
		if t >= q.ready+propagation && (q.deleted == never || t < q.deleted+propagation) {
			d.Addrs = append(d.Addrs, IP(q.i))
		}
	}
	if len(d.Addrs) == 0 {
		d.RCode = "NXDOMAIN"
	}
	return d
}

// dial is one look at q's epmd and distribution port from p.
func (w *world) dial(p, q life, t time.Duration) {
	w.add(t, Agent, recording.Event{EPMD: &recording.EPMD{From: UID(p.i), To: UID(q.i), Addr: fmt.Sprintf("%s:%d", IP(q.i), EPMDPort), Outcome: recording.OK,
		Names: []recording.Registered{{Name: "derl", Port: DistPort}}, Took: 400 * time.Microsecond}})
	w.add(t+time.Millisecond, Agent, recording.Event{Dist: &recording.Dist{From: UID(p.i), To: UID(q.i), Addr: fmt.Sprintf("%s:%d", IP(q.i), DistPort), Outcome: recording.OK,
		Status: "named", Node: Node(q.i), Flags: 0xd07df7fbd, Creation: q.creation(), Took: 800 * time.Microsecond}})
}
