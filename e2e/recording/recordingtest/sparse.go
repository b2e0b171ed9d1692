package recordingtest

import (
	"bytes"
	"fmt"
	"iter"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// The turns of a sparse recording.
const (
	SparseHold = 2 * time.Second // how long its profile wants the mesh to hold
	SparseEnd  = Full + 3*time.Second
)

// Sparse is how n nodes form a mesh, looked at as seldom as it may be: each pair is dialled once, each pod looked at every
// 900 ms once the mesh is full. It is for measuring how judging grows. Its events are made as they are asked for, since a
// thousand nodes have millions; those of one kind about one pod come in their order.
func Sparse(n int) (recording.Header, iter.Seq[recording.Event]) {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	w.ground()
	w.add(0, "run", recording.Event{Image: &recording.Image{Name: Image, Outcome: "built", ID: "sha256:1f0e", Took: 40 * time.Second}})
	w.add(Applied, "run", recording.Event{Act: &recording.Act{Do: recording.Apply}})
	w.objects()
	for _, p := range w.pods {
		w.tell(p)
		w.cookies(p)
		w.inside(p, p.started, SparseEnd)
	}
	s := w.recorded("formation")
	s.Profile = bytes.Replace(s.Profile, []byte(`"hold":"10s"`), fmt.Appendf(nil, `"hold":%q`, SparseHold), 1)
	return s.Header(), func(yield func(recording.Event) bool) {
		going := true
		each := func(e recording.Event) { going = going && yield(e) }
		for _, e := range s.Events {
			each(e)
		}
		f := newFaces(n)
		for i := range n {
			f.look(i, each)
		}
		for i := range n {
			f.dials(i, each)
		}
	}
}

// faces are the names and addresses of all pods, made once.
type faces struct {
	uids, ips, nodes, epmds, dists []string
	named                          []recording.Registered
}

func newFaces(n int) *faces {
	f := &faces{named: []recording.Registered{{Name: "derl", Port: DistPort}}}
	for i := range n {
		f.uids, f.ips, f.nodes = append(f.uids, UID(i)), append(f.ips, IP(i)), append(f.nodes, Node(i))
		f.epmds = append(f.epmds, fmt.Sprintf("%s:%d", IP(i), EPMDPort))
		f.dists = append(f.dists, fmt.Sprintf("%s:%d", IP(i), DistPort))
	}
	return f
}

// look is what is seen of pod i alone. Its view and its socket tables are the same each time, as a reader of a recording shares
// what has not changed.
func (f *faces) look(i int, each func(recording.Event)) {
	var links []recording.Link
	for j := range f.uids {
		switch port := fmt.Sprintf(":%d", 20000+min(i, j)); {
		case j < i:
			links = append(links, recording.Link{Local: f.ips[i] + port, Remote: f.dists[j]})
		case j > i:
			links = append(links, recording.Link{Local: f.dists[i], Remote: f.ips[j] + port})
		}
	}
	listen := []string{fmt.Sprintf("0.0.0.0:%d", EPMDPort), fmt.Sprintf("0.0.0.0:%d", DistPort)}
	visible := make([]string, 0, len(f.nodes))
	visible = append(append(visible, f.nodes[:i]...), f.nodes[i+1:]...)
	for t := Full; t <= SparseEnd; t += 900 * time.Millisecond {
		each(recording.Event{T: t, By: Agent, Nodes: &recording.Nodes{Pod: f.uids[i], Outcome: recording.OK, Node: f.nodes[i], Creation: 1700000000 + uint32(i), OTP: "28", Visible: visible}})
		each(recording.Event{T: t, By: Agent, Sockets: &recording.Sockets{Pod: f.uids[i], Outcome: recording.OK, Links: links, Listen: listen}})
	}
	each(recording.Event{T: SparseEnd - 500*time.Millisecond, By: Agent, DNS: &recording.DNS{Pod: f.uids[i], Name: DNSName + ".", Type: "A", Server: "10.96.0.10",
		Outcome: recording.OK, RCode: "NOERROR", Addrs: f.ips, Took: time.Millisecond}})
}

// dials are those to pod i from all others.
func (f *faces) dials(i int, each func(recording.Event)) {
	for j := range f.uids {
		if i == j {
			continue
		}
		t := Full + time.Duration(j)*time.Millisecond
		each(recording.Event{T: t, By: Agent, EPMD: &recording.EPMD{From: f.uids[j], To: f.uids[i], Addr: f.epmds[i], Outcome: recording.OK, Names: f.named, Took: 400 * time.Microsecond}})
		each(recording.Event{T: t, By: Agent, Dist: &recording.Dist{From: f.uids[j], To: f.uids[i], Addr: f.dists[i], Outcome: recording.OK, Status: "named",
			Node: f.nodes[i], Flags: 0xd07df7fbd, Creation: 1700000000 + uint32(i), Took: 800 * time.Microsecond}})
	}
}
