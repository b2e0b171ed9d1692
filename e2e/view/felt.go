package view

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// feltThing is one thing that an application may lose of a peer.
type feltThing struct{ pod, what, peer string }

// Loss is what applications lost of their peers in a scenario: of one thing, on all ordered pairs of which it was seen.
type Loss struct {
	What     string // such as [recording.FeltMessage]
	Ended    bool   // with a node that ended meanwhile, so that it had to be lost; else between nodes that stayed
	Pairs    int    // on which it was seen
	Lost     int    // of them: those that lost it
	NotBack  int    // of those: where it was not back at the end
	Messages int    // that got no answer in time
	Longest  Outage // the longest of all
}

// Outage is one loss on one pair.
type Outage struct {
	Pod  *Pod
	Peer string
	For  time.Duration // by the VM's clock; where it was not back: until the end of the recording, by the harness's
	Over bool
}

// Felt is what applications wrote of their peers to their logs, by thing; first between nodes that stayed, then with those that
// ended. Nothing if none wrote anything.
func (v *View) Felt() []Loss {
	begin := v.firstBeat()
	all := map[Loss]*Loss{} // by What and Ended
	for _, thing := range slices.SortedFunc(maps.Keys(v.felt), func(a, b feltThing) int {
		return cmp.Or(cmp.Compare(v.pod(a.pod).Name, v.pod(b.pod).Name), cmp.Compare(a.peer, b.peer))
	}) {
		ended := v.endedSince(thing.pod, begin) || v.peerEnded(thing.peer, begin)
		events := v.felt[thing]
		if ended && events[len(events)-1].T < begin {
			continue // it was lost in a scenario before this one
		}
		key := Loss{What: thing.what, Ended: ended}
		l := all[key]
		if l == nil {
			l = &key
			all[Loss{What: thing.what, Ended: ended}] = l
		}
		l.add(v, thing, begin)
	}
	order := []string{recording.FeltMessage, recording.FeltGlobal, recording.FeltPg, recording.FeltNode}
	var list []Loss
	for _, ended := range []bool{false, true} {
		for _, what := range order {
			if l := all[Loss{What: what, Ended: ended}]; l != nil {
				list = append(list, *l)
			}
		}
	}
	return list
}

// add counts what a pair lost since begin.
func (l *Loss) add(v *View, thing feltThing, begin time.Duration) {
	l.Pairs++
	lost := false
	note := func(o Outage) {
		lost = true
		if o.For > l.Longest.For || l.Longest.Pod == nil {
			l.Longest = o
		}
	}
	events := v.felt[thing]
	for _, e := range events {
		if f := e.Felt; f.Up && f.For > 0 && e.T >= begin {
			l.Messages += f.Messages
			note(Outage{Pod: v.pod(thing.pod), Peer: thing.peer, For: f.For, Over: true})
		}
	}
	if e := events[len(events)-1]; !e.Felt.Up {
		l.NotBack++
		note(Outage{Pod: v.pod(thing.pod), Peer: thing.peer, For: v.end - e.T})
	}
	if lost {
		l.Lost++
	}
}

// firstBeat is when this recording's own observations begin: what is older was written down before it.
func (v *View) firstBeat() time.Duration {
	first := v.end
	for _, beats := range v.beats {
		if len(beats) > 0 {
			first = min(first, beats[0].T)
		}
	}
	return first
}

// endedSince reports whether the pod was deleted, or its VM ended since then.
func (v *View) endedSince(uid string, begin time.Duration) bool {
	p := v.pod(uid)
	return p.Leaving(v.end) || slices.ContainsFunc(p.process, func(e recording.Event) bool { return e.Process.Exited && e.T >= begin })
}

// peerEnded is endedSince for the pod with that node name; also true of a name that no pod has any more.
func (v *View) peerEnded(name string, begin time.Duration) bool {
	known := false
	for _, p := range v.Pods() {
		if !p.Is(name) {
			continue
		}
		if known = true; v.endedSince(p.UID, begin) {
			return true
		}
	}
	return !known
}
