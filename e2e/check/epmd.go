package check

import (
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func withoutEPMD(v *view.View) []Finding {
	return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "the nodes use no epmd: all of them listen on one port that is agreed on"}}
}

// ofEPMD judges what epmd says of every member.
func ofEPMD(judge func(v *view.View, p *view.Pod, from, to time.Duration) Finding) func(v *view.View) []Finding {
	return func(v *view.View) []Finding {
		if v.EPMDLess() {
			return withoutEPMD(v)
		}
		from, to := settled(v)
		return eachMember(v, func(p *view.Pod) Finding { return judge(v, p, from, to) })
	}
}

// names is the youngest list of names that the pod's epmd gave to anybody in the window, or nil. What it says does not
// depend on who asks.
func names(p *view.Pod, from, to time.Duration) *recording.Event {
	for _, e := range slices.Backward(view.Between(p.EPMD, from, to)) {
		if e.EPMD.Outcome == recording.OK {
			return &e
		}
	}
	return nil
}

// short is a node's name as epmd has it: what stands before the @.
func short(node string) string {
	before, _, _ := strings.Cut(node, "@")
	return before
}

func has(a *recording.EPMD, name string) bool {
	return slices.ContainsFunc(a.Names, func(r recording.Registered) bool { return r.Name == name })
}

// lapse is a registration that was there and is gone, though its node lives.
type lapse struct {
	name   string
	last   time.Duration // when epmd listed it last
	now    recording.Event
	closed bool // epmd itself is gone
}

// lapsed finds whether the pod's node has lost its registration. A node registers once, when it starts: an epmd that was
// killed or restarted under it knows nothing of it, and no peer that comes later can find it.
func lapsed(p *view.Pod) (lapse, bool) {
	l := lapse{name: short(p.Node())}
	listed := func(e recording.Event) bool { return e.EPMD.Outcome == recording.OK && has(e.EPMD, l.name) }
	i := len(p.EPMD) - 1
	for i >= 0 && !listed(p.EPMD[i]) {
		i--
	}
	if l.name == "" || i < 0 || !livedAfter(p, p.EPMD[i].T) {
		return l, false
	}
	l.last = p.EPMD[i].T
	now := conclude(p.EPMD[i+1:], func(e recording.Event) (recording.Outcome, bool) { return e.EPMD.Outcome, true })
	if now == nil {
		return l, false
	}
	l.now, l.closed = *now, now.EPMD.Outcome == recording.Refused
	return l, l.closed || now.EPMD.Outcome == recording.OK
}

// livedAfter reports whether the node itself was heard after t.
func livedAfter(p *view.Pod, t time.Duration) bool {
	heard := func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Outcome == recording.OK || e.Dist != nil && e.Dist.Outcome == recording.OK
	}
	end := time.Duration(1<<63 - 1)
	return slices.ContainsFunc(view.Between(p.Nodes, t+1, end), heard) || slices.ContainsFunc(view.Between(p.Dist, t+1, end), heard)
}
