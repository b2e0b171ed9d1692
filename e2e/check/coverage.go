package check

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// WithCoverage makes findings of the check Unseen if nobody observed from where they can be seen, or if an observer that they need
// was blind at the time that decided them. All other findings stay as they are.
//
// For events of agents, that time is the finding's At, or from its From to At. For events of the API server without a From it is
// the end of the recording: which pods exist, and in what state, is read then.
func WithCoverage(c Check) Check {
	judge, reads := c.Judge, byObserver(c.Reads)
	c.Judge = func(v *view.View) []Finding {
		found := fromHere(c, v, judge(v))
		if v.NeverBlind() && v.NoObserverErrors() {
			return found
		}
		for i := range found {
			f, r := &found[i], reads
			if f.Reads != nil {
				r = byObserver(f.Reads)
			}
			switch f.Outcome {
			case NotApplicable:
			case Unseen:
				f.Seen = append(slices.Clip(f.Seen), r.troubles(v, f.Subject)...)
			default:
				if b := r.blind(v, f); b != nil {
					f.unsee(*b)
				}
			}
		}
		return found
	}
	return c
}

// fromHere makes findings Unseen that need something which cannot be seen in this recording. What does not apply stays so, but for what objects say.
func fromHere(c Check, v *view.View, found []Finding) []Finding {
	if v.Unseen(recording.AnAgent) == "" {
		return found
	}
	for i := range found {
		f := &found[i]
		needs := slices.Clone(c.Needs)
		for _, k := range readsOf(c, f) {
			needs = append(needs, string(k))
		}
		at := slices.IndexFunc(needs, func(what string) bool { return v.Unseen(what) != "" })
		// Where objects could not be listed, that there are none is not known either.
		if at < 0 || f.Outcome == NotApplicable && !recording.AboutObjects(needs[at]) {
			continue
		}
		f.OutOfSight(v, needs[at])
	}
	return found
}

func readsOf(c Check, f *Finding) []recording.Kind {
	if f.Reads != nil {
		return f.Reads
	}
	return c.Reads
}

// OutOfSight makes the finding Unseen because this cannot be seen in the recording. A failure stays as evidence.
func (f *Finding) OutOfSight(v *view.View, what string) {
	if f.Outcome == Fail {
		f.Seen = append(slices.Clip(f.Seen), "from what was seen it would be "+f.Code+": "+f.Message)
	}
	f.Vantage = v.Unseen(what)
	f.Outcome, f.Code, f.Message, f.Remedy, f.Try, f.Took = Unseen, "", "unseen: "+f.Vantage, "", "", 0
}

// unsee makes a finding Unseen because an observer was blind. A failure stays as evidence.
func (f *Finding) unsee(b view.Blindness) {
	if f.Outcome == Fail {
		f.Seen = append(slices.Clip(f.Seen), "without the gap it would be "+f.Code+": "+f.Message)
	}
	f.Outcome, f.Code, f.Message, f.Remedy, f.Took = Unseen, "", b.String(), "", 0
}

// troubles are possible reasons why nothing was seen of the subject: when its observers were blind, and their errors.
func (r reads) troubles(v *view.View, s Subject) []string {
	var all []string
	note := func(what string) {
		if !slices.Contains(all, what) {
			all = append(all, what)
		}
	}
	if len(r.kube) > 0 {
		for _, b := range v.Blind(recording.ByKube, 0, v.End(), r.kube...) {
			note(b.String())
		}
	}
	if len(r.agents) > 0 {
		for _, agent := range slices.Concat(r.seenBy(v, s, 0)...) {
			for _, b := range v.Blind(agent, 0, v.End()) {
				note(b.String())
			}
		}
		for _, p := range v.Pods() {
			if p.Name != s.Name && p.Name != s.Peer {
				continue
			}
			for _, e := range v.ObserverErrors(p) {
				note(e.By + ": " + e.ObserverError.What)
			}
		}
	}
	return FirstOf(all, 4)
}

// reads are kinds of events, by the observer that writes them.
type reads struct {
	kube, agents []recording.Kind
	dials        bool // the agents' kinds include dials
}

func byObserver(kinds []recording.Kind) reads {
	var r reads
	for _, k := range kinds {
		switch k.WrittenBy() {
		case recording.ByKube:
			r.kube = append(r.kube, k)
		case recording.Agents:
			r.agents = append(r.agents, k)
			r.dials = r.dials || k == recording.KindEPMD || k == recording.KindDist
		}
	}
	return r
}

// blind is when and why an observer was blind that the finding needs, nil if none was.
func (r reads) blind(v *view.View, f *Finding) *view.Blindness {
	from, to := f.window(v.End())
	if blind := v.Blind(recording.ByKube, from, to, r.kube...); len(r.kube) > 0 && len(blind) > 0 {
		return &blind[0]
	}
	if len(r.agents) == 0 {
		return nil
	}
	from, to = f.window(f.At)
	for _, agents := range r.seenBy(v, f.Subject, from) {
		if b := blindAll(v, agents, from, to); b != nil {
			return b
		}
	}
	return nil
}

// window is the time that decided the finding; at is the moment that counts if the finding has no From.
func (f *Finding) window(at time.Duration) (from, to time.Duration) {
	if f.From > 0 {
		return f.From, max(f.From, f.At)
	}
	return at, at
}

// seenBy are the agents that see what a finding is about: one agent of each list is needed. A pod is seen by the agent of its Kubernetes node, a pair
// by that of its first pod, and dials to a pod by the agents of the pods that dial. Findings about all pods need all agents.
func (r reads) seenBy(v *view.View, s Subject, from time.Duration) [][]string {
	var own [][]string
	var others []string
	for _, p := range v.Pods() {
		a := p.AgentOf()
		switch {
		case a == "" || followed(v, p, from):
		case s.Kind != "pod" && s.Kind != "pair" || p.Name == s.Name:
			own = append(own, []string{a})
		default:
			others = append(others, a)
		}
	}
	if s.Kind == "pod" && r.dials && len(others) > 0 {
		return [][]string{others}
	}
	return own
}

// followed reports whether the pod was gone at t and another one had its name: the pods of a StatefulSet come back under theirs, maybe on
// another node, and what the old one's agent sees later is of no interest.
func followed(v *view.View, p *view.Pod, t time.Duration) bool {
	gone := func(q *view.Pod) bool { s := q.At(t); return s != nil && s.Gone }
	return gone(p) && slices.ContainsFunc(v.Pods(), func(q *view.Pod) bool { return q != p && q.Name == p.Name && q.First <= t && !gone(q) })
}

// blindAll is when the first of the agents was blind, nil if one of them was not.
func blindAll(v *view.View, agents []string, from, to time.Duration) *view.Blindness {
	var first *view.Blindness
	for _, a := range agents {
		blind := v.Blind(a, from, to)
		if len(blind) == 0 {
			return nil
		}
		if first == nil {
			first = &blind[0]
		}
	}
	return first
}
