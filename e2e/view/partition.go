package view

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// MaxPartition is the longest time for which a scenario keeps a link cut. Nodes that need longer to notice it are not watched for it.
const MaxPartition = 2 * time.Minute

// CutLink is a link between two pods that a fault has cut.
type CutLink struct {
	A, B     *Pod
	At, Over time.Duration // when it was cut, and when the fault was gone; the end of the recording if it was not
	Healed   bool
	OneWay   bool // only packets from A to B were dropped
}

// CutLinks are the links that were cut until the scenario healed them: no blips.
func (v *View) CutLinks() (all []CutLink) {
	for i, e := range v.acts {
		if a := e.Act; a.Do == recording.Inject && (a.Fault == recording.FaultCut || a.Fault == recording.FaultCutOut) {
			p, known := v.Pod(a.Pod)
			q := v.podAt(a.Peer)
			if !known || q == nil {
				continue
			}
			c := CutLink{A: p, B: q, At: e.T, Over: v.end, OneWay: a.Fault == recording.FaultCutOut}
			for _, h := range v.acts[i+1:] {
				if o := h.Act; o.Do == recording.Heal && o.Pod == a.Pod && o.Peer == a.Peer && o.Fault == a.Fault {
					c.Over, c.Healed = h.T, true
					break
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// Tick is what the pod's node says of its ticks: it takes a peer for dead from which nothing has come for net_ticktime, and looks every
// interval (net_ticktime / net_tickintensity). ok is false where it was not read.
func (p *Pod) Tick() (ticktime, interval time.Duration, ok bool) {
	k := p.Kernel()
	if k == nil || k.TickTime <= 0 || k.TickIntensity <= 0 {
		return 0, 0, false
	}
	return k.TickTime, k.TickTime / time.Duration(k.TickIntensity), true
}

// NoticeWithin is how long after a link was cut all of the nodes have certainly noticed it, and been seen to: two intervals more than
// net_ticktime, because a packet of the peer may have been on its way, and some seconds. ok is false where a node's settings are not known.
func (v *View) NoticeWithin(pods []*Pod) (within time.Duration, ok bool) {
	const looked = 4 * time.Second
	for _, p := range pods {
		ticktime, interval, known := p.Tick()
		if !known {
			return 0, false
		}
		within = max(within, ticktime+2*interval+looked)
	}
	return within, len(pods) > 0
}

// Lost is when p's node was first seen without q's in its view, at or after from and not after to. before is the last look at which q was
// still there. ok is false where it was always there, or not there to begin with.
func (p *Pod) Lost(q *Pod, from, to time.Duration) (before, at time.Duration, ok bool) {
	if e := last(p.Nodes, from); e == nil || e.Nodes.Outcome != recording.OK || !slices.Contains(e.Nodes.Visible, q.Node()) {
		return 0, 0, false
	}
	before = from
	for _, e := range Between(p.Nodes, from, to) {
		switch {
		case e.Nodes.Outcome != recording.OK:
		case !slices.Contains(e.Nodes.Visible, q.Node()):
			return before, e.T, true
		default:
			before = e.T
		}
	}
	return before, 0, false
}

// afterNotice is how long a cut is watched after both ends have noticed it: what other nodes do then is a matter of milliseconds.
const afterNotice = 3 * time.Second

// CutNoticed reports whether the nodes at both ends of each link that is cut have noticed it, some time ago. If not, it says who has not.
func (v *View) CutNoticed() (bool, string) {
	cuts := v.CutLinks()
	latest := time.Duration(0)
	for _, c := range cuts {
		for _, side := range [][2]*Pod{{c.A, c.B}, {c.B, c.A}} {
			_, at, ok := side[0].Lost(side[1], c.At, v.end)
			if !ok {
				return false, fmt.Sprintf("%s still has %s in its view", side[0].Name, side[1].Name)
			}
			latest = max(latest, at)
		}
	}
	if len(cuts) == 0 || v.end-latest < afterNotice {
		return false, "all have noticed it just now"
	}
	return true, ""
}
