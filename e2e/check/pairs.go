package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// EachPair judges the dials to every member from all others over the settled window. Those that succeeded are one
// finding on the pod that was dialled; for each other dial, judge (called once per pod) returns the function that judges the pair.
// The dial is nil if nothing was learnt about the pair. Where a round through all pairs takes longer than the window, the last
// successful dial of a pair counts as long as a round takes; one that failed may have been too early.
func EachPair(v *view.View, dials func(q *view.Pod) []view.Dial, judge func(q *view.Pod, list []view.Dial) func(p *view.Pod, d *view.Dial) Finding) []Finding {
	var all []Finding
	from, until := Settled(v)
	pods := Members(v)
	for _, q := range pods {
		list := view.During(dials(q), from, until)
		by := conclusions(list, v.Numbers())
		for _, d := range view.During(dials(q), max(0, until-v.Round()), max(0, from-1)) {
			if d.Good && by[d.From] == nil {
				by[d.From] = &d
			}
		}
		good := Finding{Subject: OnPod(q), Outcome: Pass}
		passed := 0
		var judgePair func(p *view.Pod, d *view.Dial) Finding
		for _, p := range pods {
			d := by[p.Number()]
			switch {
			case p == q:
				continue
			case d != nil && d.Good:
				passed++
				good.At = max(good.At, d.T)
				continue
			case judgePair == nil:
				judgePair = judge(q, list)
			}
			if f := judgePair(p, d); f.Outcome == Pass {
				passed++
				good.At = max(good.At, f.At)
			} else {
				all = append(all, f)
			}
		}
		if passed > 0 {
			all = append(all, good)
		}
	}
	if len(all) == 0 {
		return NothingSeen(v, fmt.Sprintf("%d pods: there is no pair of pods to check", len(pods)))
	}
	return all
}

// Decisive gives the attempt that decides: of those for which ours is true, the last one from which something was learnt. A
// single attempt without an answer, after one that was answered, may be a lost packet or a moment without CPU: it takes
// two in a row. It is nil if nothing was learnt.
func Decisive(list []recording.Event, outcome func(recording.Event) (o recording.Outcome, ours bool)) *recording.Event {
	i := decisive(len(list), func(i int) (recording.Outcome, bool) { return outcome(list[i]) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// DecisiveDial is the same for dials.
func DecisiveDial(list []view.Dial, ours func(o recording.Outcome) bool) *view.Dial {
	i := decisive(len(list), func(i int) (recording.Outcome, bool) { o := list[i].Outcome(); return o, ours(o) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// decisive is the index of the attempt that decides, or -1.
func decisive(n int, outcome func(i int) (o recording.Outcome, ours bool)) int {
	unanswered := -1
	for i := n - 1; i >= 0; i-- {
		o, ours := outcome(i)
		switch {
		case !ours || inconclusive(o):
		case unanswered >= 0 && o == recording.OK:
			return i
		case unanswered >= 0:
			return unanswered
		case o == recording.Timeout || o == recording.Silent:
			unanswered = i
		default:
			return i
		}
	}
	return unanswered
}

// inconclusive reports whether nothing was learnt about the peer from an attempt.
func inconclusive(o recording.Outcome) bool {
	return o == recording.ProbeError || o == recording.Nok || o == recording.Alive
}

// conclusions gives the dial that decides, by the same rule, for each pod that dialled, by its number.
func conclusions(list []view.Dial, numbers int) []*view.Dial {
	decided, unanswered := make([]*view.Dial, numbers), make([]*view.Dial, numbers)
	for i := len(list) - 1; i >= 0; i-- {
		d := &list[i]
		at := d.From
		switch {
		case decided[at] != nil:
		case d.Good:
			decided[at] = d
		case inconclusive(d.Outcome()):
		case unanswered[at] != nil:
			decided[at] = unanswered[at]
		case d.Outcome() == recording.Timeout || d.Outcome() == recording.Silent:
			unanswered[at] = d
		default:
			decided[at] = d
		}
	}
	for i, d := range unanswered {
		if decided[i] == nil {
			decided[i] = d
		}
	}
	return decided
}
