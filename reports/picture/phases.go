package picture

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Phase is one part of a scenario, from one thing that was seen to the next.
type Phase struct {
	Name   string        `json:"name"`
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`               // where it is open: the end of the recording
	Budget time.Duration `json:"budget,omitempty"` // how long it may take, where the profile limits it
	Open   bool          `json:"open,omitempty"`   // it was not over when the recording ended, or its end was not seen
}

// Took is how long it took.
func (p Phase) Took() time.Duration { return p.To - p.From }

// phases are those that the recording shows.
func (p *Picture) phases(v *view.View) {
	for _, e := range v.Acts() {
		switch e.Act.Do {
		case recording.Apply:
			p.forming(v, e.T)
		case recording.DeletePod, recording.ForceDelete, recording.EvictPod:
			if q, ok := v.Pod(e.Act.Pod); ok {
				p.replacing(v, e.T, q)
			}
		case recording.KillContainer:
			if q, ok := v.Pod(e.Act.Pod); ok {
				p.restarting(v, e.T, q)
			}
		case recording.Rollout:
			p.rolling(v, e.T)
		}
	}
}

func (p *Picture) phase(name string, from, to time.Duration, seen bool, budget time.Duration) {
	if !seen {
		to = p.End
	}
	p.Phases = append(p.Phases, Phase{Name: name, From: from, To: max(from, to), Open: !seen, Budget: budget})
}

func (p *Picture) forming(v *view.View, from time.Duration) {
	created, all := lastOf(v, p.Expected, func(q *view.Pod) (time.Duration, bool) { return q.First, true })
	p.phase("pods created", from, created, all, 0)
	if !all {
		return
	}
	runs, all := lastOf(v, p.Expected, func(q *view.Pod) (time.Duration, bool) { return reached(q, view.Running) })
	p.phase("VMs run", created, runs, all, 0)
	if !all {
		return
	}
	ready, all := lastOf(v, p.Expected, func(q *view.Pod) (time.Duration, bool) { return reached(q, view.IsReady) })
	p.phase("pods Ready", runs, ready, all, 0)
	full, ever := v.FirstFull(0)
	p.Full = full
	p.phase("mesh full, once VMs run", runs, full, ever, 0)
	if all {
		p.phase("mesh full, once pods are Ready", ready, full, ever, v.Profile.Budgets.Formation.D())
	}
}

func (p *Picture) replacing(v *view.View, from time.Duration, old *view.Pod) {
	exit, gone := old.Exited()
	p.phase("VM of the deleted pod ended", from, exit, gone, 0)
	if gone {
		out, seen := forgotten(v, old, exit)
		p.phase("its name out of every view", exit, out, seen, v.Profile.Budgets.StaleName.D())
		if v.Unseen(string(recording.KindDNS)) == "" && v.Profile.Service != "" {
			out, seen = unlisted(v, old, exit)
			p.phase("its address out of DNS", exit, out, seen, v.Profile.Budgets.StaleName.D())
		}
	}
	i := slices.IndexFunc(v.Pods(), func(q *view.Pod) bool { return q.First > from })
	if i < 0 {
		p.phase("replacement created", from, 0, false, 0)
		return
	}
	q := v.Pods()[i]
	p.phase("replacement created", from, q.First, true, 0)
	runs, ok := reached(q, view.Running)
	p.phase("replacement's VM runs", q.First, runs, ok, 0)
	ready, isReady := reached(q, view.IsReady)
	if ok {
		p.phase("replacement Ready", runs, ready, isReady, 0)
	}
	full, ever := v.FirstFull(from + 1)
	if m := v.Mesh(p.End); ever && m.Full {
		full = max(full, m.Since)
	}
	p.Full = full
	p.phase("mesh full again", from, full, ever, v.Profile.Budgets.Recovery.D())
}

func (p *Picture) restarting(v *view.View, from time.Duration, q *view.Pod) {
	back, ok := q.BackAgain(from, p.End)
	p.phase("VM runs again", from, back, ok, 0)
	if ok {
		full, ever := v.FirstFull(back)
		p.Full = full
		p.phase("mesh full again", from, full, ever, v.Profile.Budgets.Recovery.D())
	}
}

func (p *Picture) rolling(v *view.View, from time.Duration) {
	to, over := lastExit(v)
	p.phase("pods replaced", from, to, over, 0)
	if over {
		full, ever := v.FirstFull(to)
		p.Full = full
		p.phase("mesh full again", to, full, ever, v.Profile.Budgets.Recovery.D())
	}
}

// lastOf is when the last of the first n pods came to something; all is false where fewer did.
func lastOf(v *view.View, n int, when func(*view.Pod) (time.Duration, bool)) (at time.Duration, all bool) {
	var times []time.Duration
	for _, q := range v.Pods() {
		if t, ok := when(q); ok {
			times = append(times, t)
		}
	}
	if len(times) < n || n == 0 {
		return 0, false
	}
	slices.Sort(times)
	return times[n-1], true
}

// reached is when the pod first came to a stage, or to one after it.
func reached(q *view.Pod, stage view.Stage) (time.Duration, bool) {
	for _, s := range q.Life() {
		if s.Stage == stage || s.Stage == view.IsReady && stage == view.Running {
			return s.From, true
		}
	}
	return 0, false
}

// forgotten is when the last of the other nodes no longer had the name of the old pod's node. A name that the replacement has, too,
// is not the old one's any more; seen is false where one of them was not asked.
func forgotten(v *view.View, old *view.Pod, exit time.Duration) (at time.Duration, seen bool) {
	pods := present(v)
	names, own := newNames(pods), slices.Index(pods, old)
	return lastClean(v, old, exit, func(q *view.Pod) []recording.Event { return q.Nodes }, func(e recording.Event) (there, known bool) {
		return slices.ContainsFunc(e.Nodes.Visible, func(n string) bool { return names.owner(n, e.T) == own }), e.Nodes.Outcome == recording.OK
	})
}

// unlisted is when the last of the other pods no longer got the old pod's address from DNS.
func unlisted(v *view.View, old *view.Pod, exit time.Duration) (at time.Duration, seen bool) {
	return lastClean(v, old, exit, func(q *view.Pod) []recording.Event { return q.DNS }, func(e recording.Event) (there, known bool) {
		return slices.Contains(e.DNS.Addrs, old.IP()), e.DNS.Outcome == recording.OK
	})
}

// lastClean is when the last of the other pods no longer had the old one in its looks, for good. A look that is not known to show
// either is passed over; seen is false where one of the pods has no clean look at its end.
func lastClean(v *view.View, old *view.Pod, exit time.Duration, looks func(q *view.Pod) []recording.Event, has func(e recording.Event) (there, known bool)) (at time.Duration, seen bool) {
	at = exit
	for _, q := range v.Expected(v.End()) {
		if q == old || q.First > exit {
			continue
		}
		clean := false
		for _, e := range view.Between(looks(q), exit, v.End()) {
			there, known := has(e)
			if !known {
				continue
			}
			if !there && !clean {
				at = max(at, e.T)
			}
			clean = !there
		}
		if !clean {
			return 0, false
		}
		seen = true
	}
	return at, seen
}
