package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Blindness is a time during which an observer saw nothing, or no events of one kind.
type Blindness struct {
	Observer string
	Of       recording.Kind // "" for all kinds
	From, To time.Duration  // To is the end of the recording where it was not over by then
	Why      string
}

// String says which observer saw nothing, from when to when, and why.
func (b Blindness) String() string {
	who := "the agent on node " + strings.TrimPrefix(b.Observer, recording.ByAgent(""))
	switch b.Observer {
	case recording.ByKube:
		who = "the watch of the API server"
	case recording.ByAPI:
		who = "the observer without an agent"
	}
	what := "nothing"
	if b.Of != "" {
		what = "no " + string(b.Of)
	}
	return fmt.Sprintf("%s saw %s from %.1f s to %.1f s: %s", who, what, b.From.Seconds(), b.To.Seconds(), b.Why)
}

// applyGap keeps each gap once: one that has ended replaces its beginning, whichever comes first.
func (v *View) applyGap(e recording.Event) {
	list := v.gaps[e.By]
	i := slices.IndexFunc(list, func(o recording.Event) bool { return o.State() == e.State() })
	switch {
	case i < 0:
		v.gaps[e.By] = insert(list, e)
	case e.Gap.To != 0:
		list[i] = e
	}
}

// Blind are the times from from to to in which the observer did not see events of all these kinds; of any kind where none is
// named. A moment (from is to) is seen at the very beginning and end of a gap: something was seen there. An agent was
// blind, too, as long as pods ran on its node and it had not come.
func (v *View) Blind(observer string, from, to time.Duration, kinds ...recording.Kind) []Blindness {
	all := v.blind(observer, from, to, kinds...)
	if b, late := v.late()[observer]; late && b.From < to && b.To > from {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Blindness) int { return int(a.From - b.From) })
	return all
}

// blind is Blind by the gaps that the observer has recorded itself.
func (v *View) blind(observer string, from, to time.Duration, kinds ...recording.Kind) (all []Blindness) {
	for _, e := range v.gaps[observer] {
		g := e.Gap
		end := g.To
		if end == 0 {
			end = never
		}
		if g.Of != "" && len(kinds) > 0 && !slices.Contains(kinds, g.Of) {
			continue
		}
		if end > g.From && g.From < to && end > from {
			all = append(all, Blindness{Observer: observer, Of: g.Of, From: g.From, To: min(end, max(v.end, g.From)), Why: g.Why})
		}
	}
	return all
}

// LongBlind are the recorded gaps of at least that length in which an observer saw nothing at all, by observer.
func (v *View) LongBlind(least time.Duration) []Blindness {
	var all []Blindness
	for _, by := range slices.Sorted(maps.Keys(v.gaps)) {
		for _, b := range v.blind(by, 0, v.end) {
			if b.Of == "" && b.To-b.From >= least {
				all = append(all, b)
			}
		}
	}
	return all
}

// awayFor is how long the API server must not have answered for others to have lost it, too.
const awayFor = 3 * time.Second

// AwayWithin is the last time before t in which the API server did not answer for some seconds, if it was over no longer than within
// before t; nil if there was none. Whoever watches it may be late by then.
func (v *View) AwayWithin(t, within time.Duration) *Blindness {
	all := v.blind(recording.ByKube, max(0, t-within), t)
	for _, b := range slices.Backward(all) {
		if b.Of == "" && b.To-b.From >= awayFor {
			return &b
		}
	}
	return nil
}

// NeverBlind reports whether no observer was blind at any time.
func (v *View) NeverBlind() bool { return len(v.gaps) == 0 && len(v.late()) == 0 }

// Covered reports whether the observer saw events of all these kinds, or of any kind where none is named, from from to to.
func (v *View) Covered(observer string, from, to time.Duration, kinds ...recording.Kind) bool {
	return len(v.Blind(observer, from, to, kinds...)) == 0
}

// Watched reports whether it is known now which pods there are; if not, it says why.
func (v *View) Watched() (bool, string) {
	for _, b := range v.Blind(recording.ByKube, v.end, v.end, recording.KindPod) {
		return false, fmt.Sprintf("the pods have not been watched since %.1f s: %s", b.From.Seconds(), b.Why)
	}
	return true, ""
}

// AgentOf is the observer that looks into the pod: the agent of its node, or who stands in for all agents. "" where the pod was not
// scheduled.
func (p *Pod) AgentOf() string {
	switch {
	case p.Last().Node == "":
		return ""
	case p.view != nil && p.view.Unseen(recording.AnAgent) != "":
		return recording.ByAPI
	}
	return recording.ByAgent(p.Last().Node)
}

// NoObserverErrors reports whether the harness had no errors.
func (v *View) NoObserverErrors() bool { return len(v.errors) == 0 }

// ObserverErrors are the harness's own errors while it observed the pod, oldest first: those of its agent about the pod, and
// about itself.
func (v *View) ObserverErrors(p *Pod) []recording.Event {
	var all []recording.Event
	for _, e := range v.errors {
		if uid := e.PodUID(); uid == p.UID || uid == "" && e.By == p.AgentOf() {
			all = append(all, e)
		}
	}
	return all
}

// Slack is the largest difference of two observers' clocks at about t: times that differ by less may be the same time. It is 0
// for one observer. All times are converted to the harness's own clock, which the observers "run" and "kube" use.
func (v *View) Slack(a, b string, t time.Duration) time.Duration {
	if a == b {
		return 0
	}
	return v.bound(a, t) + v.bound(b, t)
}

// bound is the largest error of the observer's clock at t.
func (v *View) bound(observer string, t time.Duration) time.Duration {
	list := v.clocks[observer]
	if len(list) == 0 {
		return 0
	}
	if e := last(list, t); e != nil {
		return e.Clock.Bound
	}
	return list[0].Clock.Bound
}

// overFor is from when on the pod's VM had ended by the clock of whoever may look at its peers. ok is false where it did not end.
func (v *View) overFor(p *Pod) (at time.Duration, ok bool) {
	at, by, ok := p.exit()
	if !ok {
		return 0, false
	}
	slack := time.Duration(0)
	for other := range v.clocks {
		slack = max(slack, v.Slack(by, other, at))
	}
	return at + slack, true
}
