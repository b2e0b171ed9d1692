package recordingtest

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// The turns of a link that is cut, with a net_ticktime of 8 s. The others lose both ends for a moment, because OTP prevents partitions
// that overlap.
const (
	CutTicktime = 8 * time.Second
	Noticed     = Deleted + 8*time.Second      // pod 0 has lost pod 1
	NoticedLast = Deleted + 9*time.Second      // pod 1 has lost pod 0
	Healed      = Deleted + 13*time.Second     // the fault is gone
	Relinked    = Healed + time.Second         // pods 0 and 1 see each other again
	Repaired    = Healed + 6*time.Second       // the recording ends
	flap        = 700 * time.Millisecond       // how long the others lose an end
	BlipOver    = Deleted + 6*time.Millisecond // of a blip
)

// LinkCut is what happens to n nodes while no packet passes between pods 0 and 1.
func LinkCut(n int) *Recording {
	w := meshed(n)
	w.ticktime = CutTicktime
	lose := func(p, q int, from, to time.Duration) { w.apart = append(w.apart, apart{p, q, from, to}) }
	lose(0, 1, Noticed, Relinked)
	lose(1, 0, NoticedLast, Relinked)
	for i := 2; i < n; i++ {
		for _, p := range [][2]int{{i, 1}, {1, i}} {
			lose(p[0], p[1], Noticed, Noticed+flap)
		}
		for _, p := range [][2]int{{i, 0}, {0, i}} {
			lose(p[0], p[1], NoticedLast, NoticedLast+flap)
		}
	}
	w.fault(recording.FaultCut, Deleted, Healed)
	w.observe(Before, Repaired)
	return w.recorded("link-cut")
}

// Blip is what happens to n nodes when no packet passes between pods 0 and 1 for a moment: nothing.
func Blip(n int) *Recording {
	w := meshed(n)
	w.fault(recording.FaultBlip, Deleted, BlipOver)
	w.observe(Before, Recovered)
	return w.recorded("blip-5")
}

// meshed is a mesh of n nodes.
func meshed(n int) *world {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	w.ground()
	for _, p := range w.pods {
		w.tell(p)
	}
	return w
}

// fault is one between pods 0 and 1.
func (w *world) fault(kind string, from, to time.Duration) {
	what := fmt.Sprintf("%s between %s and %s", kind, IP(0), IP(1))
	heal := recording.Act{Do: recording.Heal, Pod: UID(0), Detail: what + ": removed; a dial: accepted", Fault: kind, Peer: IP(1)}
	if kind == recording.FaultBlip {
		heal.For = to - from
	}
	w.add(from, "run", recording.Event{Act: &recording.Act{Do: recording.Inject, Pod: UID(0), Detail: what + ": before: accepted; after: no answer in 1s", Fault: kind, Peer: IP(1)}})
	w.add(to, "run", recording.Event{Act: &heal})
}
