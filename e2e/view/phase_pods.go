package view

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// scanned is how far the begin of a VM may be before it was seen: agents search for new processes so often.
const scanned = 100 * time.Millisecond

// exitAfter is when the VM that ran at that time ended; the time alone is what others are counted from, which is the given one where
// the end was not seen.
func (v *View) exitAfter(p *Pod, from time.Duration) (time.Duration, when) {
	for _, e := range Between(p.process, from, v.end) {
		if e.Process.Exited {
			bound := v.bound(e.By, e.T)
			return e.T, when{after: max(from, e.T-bound), before: e.T + bound}
		}
	}
	if t, by, ok := p.exit(); ok && by == recording.ByKube && t >= from {
		return t, at(t)
	}
	return from, when{open: true}
}

// began is when the VM of a new pod began to run, or that of one that was started again after the given time.
func (v *View) began(p *Pod, exit time.Duration, again bool) when {
	from := p.First
	if again {
		from = exit
	}
	for _, e := range Between(p.process, from, v.end) {
		if !e.Process.Exited {
			bound := v.bound(e.By, e.T)
			return when{after: max(from, e.T-scanned-bound), before: e.T + bound}
		}
	}
	if again {
		return when{open: true}
	}
	for _, e := range p.states {
		if runs(e.Pod) {
			return at(e.T)
		}
	}
	return when{open: true}
}

// readyAfter is when the API server reported the pod Ready, after a time at which it was not.
func (v *View) readyAfter(p *Pod, from time.Duration) when {
	was := p.Ready(from)
	for _, e := range Between(p.states, from, v.end) {
		is := e.Pod.Ready && !e.Pod.Deleting && !e.Pod.Gone
		if is && !was {
			return at(e.T)
		}
		was = is
	}
	return when{open: true}
}

// lost reports whether another act has taken the pod down at about the same time, or before: then it is no witness.
func (v *View) lost(q *Pod, before time.Duration) bool {
	down := []string{recording.DeletePod, recording.ForceDelete, recording.EvictPod, recording.CutNode, recording.KillContainer}
	return slices.ContainsFunc(v.acts, func(e recording.Event) bool {
		return e.Act.Pod == q.UID && slices.Contains(down, e.Act.Do) && e.T <= before+time.Second
	})
}

// endpoint are the phases of the pod's address in the EndpointSlices of the Service, where it was deleted at from and its VM ended at
// exit. A pod that is in none, or stays in them, has none. Unlisted is from when on DNS must not have it, as far as that was seen; else
// it is from.
func (s *phases) endpoint(from, exit time.Duration, old *Pod) (unlisted time.Duration) {
	v := s.v
	unready, gone := when{open: true}, when{open: true}
	holds := map[string]recording.Endpoint{} // by slice; a Service may have several
	for _, e := range v.slices {
		if e.Slice.Service != v.Profile.Service {
			continue
		}
		was, wasReady := len(holds) > 0, anyReady(holds)
		delete(holds, e.Slice.Name)
		i := slices.IndexFunc(e.Slice.Endpoints, func(p recording.Endpoint) bool { return p.Pod == old.UID })
		if i >= 0 && !e.Slice.Gone {
			holds[e.Slice.Name] = e.Slice.Endpoints[i]
		}
		if e.T >= from && wasReady && !anyReady(holds) && unready.open {
			unready = at(e.T)
		}
		if e.T >= from && was && len(holds) == 0 && gone.open {
			gone = at(e.T)
		}
	}
	if blind := v.Blind(recording.ByKube, from, v.end, recording.KindSlice); len(blind) > 0 {
		why := fmt.Sprintf("the EndpointSlices were not seen from %.1f s to %.1f s", blind[0].From.Seconds(), blind[0].To.Seconds())
		unready.unseen, gone.unseen = why, why
	}
	unlisted = from
	service, _ := v.Service()
	if !unready.open {
		s.add(profile.EndpointNotReady, nil, old, from, unready)
		if !service.PublishNotReady && unready.known() {
			unlisted = unready.before
		}
	}
	if !gone.open {
		s.add(profile.EndpointGone, nil, old, exit, gone)
		if service.PublishNotReady && gone.known() {
			unlisted = gone.before
		}
	}
	return unlisted
}

func anyReady(all map[string]recording.Endpoint) bool {
	for _, p := range all {
		if p.Ready && !p.Terminating {
			return true
		}
	}
	return false
}

// forming are the phases of a workload that starts.
func (s *phases) forming(from time.Duration) {
	v, n := s.v, s.v.Profile.Replicas()
	created := v.lastOf(n, func(q *Pod) (time.Duration, bool) { return q.First, true })
	s.add(podsCreated, nil, nil, from, created)
	if created.open {
		return
	}
	running := v.lastOf(n, func(q *Pod) (time.Duration, bool) { return q.reached(Running) })
	s.add(vmsRun, nil, nil, created.before, running)
	if running.open {
		return
	}
	ready := v.lastOf(n, func(q *Pod) (time.Duration, bool) { return q.reached(IsReady) })
	s.add(podsReady, nil, nil, running.before, ready)
	full := when{open: true}
	if t, ever := v.FirstFull(0); ever {
		full = at(t)
	}
	s.add(fullOfVMs, nil, nil, running.before, full)
	if !ready.open {
		s.add(fullOfReady, nil, nil, ready.before, full)
	}
}

// rolling are the phases of a rollout.
func (s *phases) rolling(from time.Duration) {
	v := s.v
	replaced := when{open: true}
	if to, over := v.LastReplacedExit(); over {
		replaced = at(to)
	}
	s.add(podsReplaced, nil, nil, from, replaced)
	if replaced.open {
		return
	}
	full := when{open: true}
	if t, ever := v.FirstFull(replaced.before); ever {
		full = at(t)
	}
	s.add(profile.FullAgain, nil, nil, replaced.before, full)
}

// LastReplacedExit is when the last of the pods that a rollout replaces had ended.
func (v *View) LastReplacedExit() (at time.Duration, over bool) {
	old, _, _ := v.Replaced()
	for _, q := range old {
		exit, gone := q.Exited()
		if !gone {
			return 0, false
		}
		at = max(at, exit)
	}
	return at, len(old) > 0
}

// lastOf is when the last of the first n pods came to something; open where fewer did.
func (v *View) lastOf(n int, reached func(*Pod) (time.Duration, bool)) when {
	var times []time.Duration
	for _, q := range v.Pods() {
		if t, ok := reached(q); ok {
			times = append(times, t)
		}
	}
	if len(times) < n || n == 0 {
		return when{open: true}
	}
	slices.Sort(times)
	return at(times[n-1])
}

// reached is when the pod first came to a stage, or to one after it.
func (p *Pod) reached(stage Stage) (time.Duration, bool) {
	for _, s := range p.Life() {
		if s.Stage == stage || s.Stage == IsReady && stage == Running {
			return s.From, true
		}
	}
	return 0, false
}
