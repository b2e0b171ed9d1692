package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Phase is one part of what happens after something was done to the workload: from what it is counted from until it has happened, as
// one pod sees it where each sees it for itself.
type Phase struct {
	Name   string
	On     string        // the pod that saw it; "" for what is the same for all
	Pod    string        // the pod that it is about
	From   time.Duration // when that was from which it is counted
	To     time.Duration // when it had happened; where it is open: the end of the recording
	Error  time.Duration // To may be off by so much either way: looks tell no more
	Budget time.Duration // how long it may take, where the profile limits it
	Open   bool          // it was not seen to happen before the recording ended
	Unseen string        // why it is not known when it happened; then To tells nothing
}

// The phases of a repair, by the names with which budgets limit them; package profile says what they are.
const (
	EndpointNotReady = profile.EndpointNotReady
	VMEnded          = profile.VMEnded
	NodeDown         = profile.NodeDown
	AddressOut       = profile.AddressOut
	EndpointGone     = profile.EndpointGone
	Healed           = profile.Healed
	PodCreated       = profile.PodCreated
	VMRuns           = profile.VMRuns
	PodReady         = profile.PodReady
	AddressIn        = profile.AddressIn
	NodeUp           = profile.NodeUp
	FullAgain        = profile.FullAgain
)

// The phases of a formation and of a rollout.
const (
	podsCreated  = "pods created"
	vmsRun       = "VMs run"
	podsReady    = "pods Ready"
	fullOfVMs    = "mesh full, once VMs run"
	fullOfReady  = "mesh full, once pods are Ready"
	podsReplaced = "pods replaced"
)

// Sums reports whether the phase spans others: it is never what has taken longest.
func Sums(name string) bool {
	return slices.Contains([]string{profile.FullAgain, profile.Healed, fullOfVMs, podsReplaced}, name)
}

// Fills reports whether the phase ends when the mesh is full.
func Fills(name string) bool {
	return slices.Contains([]string{profile.FullAgain, profile.Stable, fullOfVMs, fullOfReady}, name)
}

// Took is how long it took.
func (p Phase) Took() time.Duration { return p.To - p.From }

// Known reports whether it is known how long it took.
func (p Phase) Known() bool { return !p.Open && p.Unseen == "" }

// Phases are those that the recording shows.
func (v *View) Phases() []Phase {
	all, _ := v.Once("phases", func() any {
		s := &phases{v: v}
		for i, e := range v.acts {
			switch e.Act.Do {
			case recording.Apply:
				s.forming(e.T)
			case recording.Rollout:
				s.rolling(e.T)
			case recording.DeletePod, recording.ForceDelete, recording.EvictPod, recording.KillContainer:
				if p, ok := v.Pod(e.Act.Pod); ok {
					s.losing(e, p)
				}
			case recording.Inject:
				s.cut(i)
			}
		}
		if d, ok := v.repairs(); ok {
			s.others(d)
			s.repaired(d)
		}
		return s.all
	}).([]Phase)
	return all
}

// phases collects them.
type phases struct {
	v     *View
	all   []Phase
	left  []*Pod // the pods that were lost, as far as they have their phases
	came  []*Pod // and those that came
	pairs map[[2]*Pod]bool
}

// add adds a phase that is counted from a time, and happened then. What happened earlier took no time.
func (s *phases) add(name string, on, of *Pod, from time.Duration, w when) {
	p := Phase{Name: name, From: from, To: s.v.end, Open: w.open, Unseen: w.unseen, Budget: s.budget(name)}
	if on != nil {
		p.On = on.Name
	}
	if of != nil {
		p.Pod = of.Name
	}
	if p.Known() {
		p.To, p.Error = w.middle(), w.off()
	}
	p.From = min(p.From, p.To)
	s.all = append(s.all, p)
}

// budget is what the profile allows, 0 for no limit.
func (s *phases) budget(name string) time.Duration {
	b := s.v.Profile.Budgets
	if d := b.Phases[name]; d > 0 {
		return d.D()
	}
	switch name {
	case fullOfReady:
		return b.Formation.D()
	case profile.FullAgain:
		return b.Recovery.D()
	case profile.NodeDown, profile.AddressOut:
		if !s.v.faulted() {
			return b.StaleName.D()
		}
	}
	return 0
}

// faulted reports whether a fault was put in place: then a node is noticed as lost after its net ticks, however long those are.
func (v *View) faulted() bool {
	_, ok := v.Act(recording.Inject)
	return ok
}

// repairs is the disturbance from which the mesh has to repair itself; a rollout and the begin of a workload are told otherwise.
func (v *View) repairs() (d Disturbance, ok bool) {
	_, begins := v.Act(recording.Apply)
	_, rolls := v.Act(recording.Rollout)
	d, ok = v.Disturbance()
	return d, ok && !begins && !rolls
}

// losing are the phases of a pod that was deleted, or whose VM was killed, by an act that names it or by another.
func (s *phases) losing(act recording.Event, old *Pod) {
	v, killed, named := s.v, act.Act.Do == recording.KillContainer, act.Act.Pod == old.UID
	s.left = append(s.left, old)
	next := old
	if !killed {
		next = s.replacement(act.T, old)
	}
	exit, down := v.exitAfter(old, act.T)
	unlisted := s.endpoint(act.T, exit, old)
	if !killed {
		s.add(profile.VMEnded, nil, old, act.T, down)
	}
	began := when{open: true}
	if next != nil {
		began = v.began(next, exit, killed)
	}
	// Once a VM runs that has the same name, the name is no longer that of the old one.
	until := never
	if next != nil && !began.open && next.Is(old.Node()) {
		until = began.after
	}
	for _, q := range s.survivors(act.T) {
		if w, was := v.nodeGone(q, old, act.T, until); was {
			s.add(profile.NodeDown, q, old, exit, w)
		}
		if w, was := v.addressOut(q, old, act.T); was && !killed {
			s.add(profile.AddressOut, q, old, unlisted, w)
		}
	}
	switch {
	case next != nil:
		s.coming(act.T, next, exit, began)
	case named:
		s.add(profile.PodCreated, nil, nil, act.T, when{open: true})
	}
}

// survivors are the pods that were in the mesh when something was done, and were not lost by it or before.
func (s *phases) survivors(t time.Duration) []*Pod {
	return slices.DeleteFunc(s.v.Expected(t-1), func(q *Pod) bool { return slices.Contains(s.left, q) || s.v.lost(q, t) })
}

// coming are the phases of a pod that is new since a time, or of the VM that was started again in a pod at the end of the one before.
func (s *phases) coming(from time.Duration, next *Pod, exit time.Duration, began when) {
	v, again := s.v, slices.Contains(s.left, next)
	counted := exit
	if !again {
		s.came = append(s.came, next)
		counted = next.First
		s.add(profile.PodCreated, nil, next, from, at(next.First))
	}
	s.add(profile.VMRuns, nil, next, counted, began)
	if began.open {
		return
	}
	ready := v.readyAfter(next, began.after)
	if ready.known() || !again {
		s.add(profile.PodReady, nil, next, began.middle(), ready)
	}
	if ready.known() && !again {
		for _, q := range append(s.survivors(from), next) {
			if w, asked := v.addressIn(q, next); asked {
				s.add(profile.AddressIn, q, next, ready.middle(), w)
			}
		}
	}
	up := began.middle()
	if ready.known() {
		up = ready.middle()
	}
	for _, q := range v.Expected(v.end) {
		if q != next {
			s.nodeup(q, next, began.after, up, false)
			s.nodeup(next, q, began.after, up, true)
		}
	}
}

// others are the phases of pods that no act names: what a drained node or another number of replicas takes and brings.
func (s *phases) others(d Disturbance) {
	v := s.v
	for _, p := range v.Pods() {
		if t, ends := p.Ends(d.Began()); ends && t > d.Began() && p.First <= d.Began() && !slices.Contains(s.left, p) {
			s.losing(d.First, p)
		}
	}
	for _, p := range v.Pods() {
		if p.First > d.Began() && !slices.Contains(s.came, p) {
			s.coming(d.Began(), p, 0, v.began(p, 0, false))
		}
	}
}

// nodeup is when q's node had p's, one of which is new since began, q if anew; each pair once. It is counted from from.
func (s *phases) nodeup(q, p *Pod, began, from time.Duration, anew bool) {
	if s.pairs == nil {
		s.pairs = map[[2]*Pod]bool{}
	}
	if s.pairs[[2]*Pod{q, p}] {
		return
	}
	s.pairs[[2]*Pod{q, p}] = true
	w := s.v.nodeCame(q, p, began, anew)
	if w.open && s.v.Profile.Expect.Topology != profile.FullMesh && s.v.Profile.Expect.Topology != "" {
		return // not all pairs connect
	}
	s.add(profile.NodeUp, q, p, from, w)
}

// cut are the phases of a fault: who lost whom, when it was gone, and who found whom again. The act has that index. Which links a fault cuts is
// not asked: what counts is which nodes lost each other.
func (s *phases) cut(index int) {
	v, act := s.v, s.v.acts[index]
	if slices.ContainsFunc(v.acts[:index], func(e recording.Event) bool { return e.Act.Do == recording.Inject }) {
		return // the first one tells of all
	}
	d, _ := v.Disturbance()
	healed := when{open: true}
	if d.Healed {
		healed = at(d.Over())
	}
	s.add(profile.Healed, nil, nil, act.T, healed)
	pods := v.Expected(act.T - 1)
	for _, q := range pods {
		for _, p := range pods {
			if q == p {
				continue
			}
			down, up, lost := v.nodeLost(q, p, act.T)
			if !lost {
				continue
			}
			s.add(profile.NodeDown, q, p, act.T, down)
			if d.Healed {
				s.add(profile.NodeUp, q, p, d.Over(), up)
			}
		}
	}
}

// replacement is the pod that replaces an old one: with the same name, or else the next that was created and replaces no other.
func (s *phases) replacement(from time.Duration, old *Pod) *Pod {
	var next *Pod
	for _, q := range s.v.Pods() {
		if q.First <= from || q == old || slices.Contains(s.came, q) {
			continue
		}
		if q.Name == old.Name {
			next = q
			break
		}
		if next == nil {
			next = q
		}
	}
	return next
}

// repaired are the mesh that is full again, and that stays so.
func (s *phases) repaired(d Disturbance) {
	v, from := s.v, d.Began()
	if v.faulted() {
		if !d.Healed {
			return
		}
		from = d.Over()
	}
	full, ever := s.fullAfter(from)
	if !ever {
		s.add(profile.FullAgain, nil, nil, from, when{open: true})
		return
	}
	// The mesh is full when the last of the pairs has met, and that is known as exactly as the time of that.
	w := at(full)
	for _, p := range s.all {
		if p.Name == profile.NodeUp && p.Known() && p.To+p.Error >= full {
			w.after = min(w.after, max(from, p.To-p.Error))
		}
	}
	s.add(profile.FullAgain, nil, nil, from, w)
	stable := when{open: true}
	if m := v.Mesh(v.end); m.Full {
		stable = at(max(full, m.Since))
	}
	s.add(profile.Stable, nil, nil, full, stable)
}

// fullAfter is when the mesh was full again after what was done at that time. As long as nobody has noticed it, the mesh still seems to
// be full: it is looked for from when the pods that were lost are reported so, and those that came are Ready.
func (s *phases) fullAfter(from time.Duration) (time.Duration, bool) {
	v := s.v
	for _, e := range v.acts {
		if e.Act.Do != recording.KillContainer {
			continue
		}
		if p, ok := v.Pod(e.Act.Pod); ok {
			back, is := p.BackAgain(e.T, v.end)
			if !is {
				return 0, false
			}
			from = max(from, back-1)
		}
	}
	for _, p := range s.left {
		if i := slices.IndexFunc(p.states, func(e recording.Event) bool { return e.T > from && (e.Pod.Deleting || e.Pod.Gone) }); i >= 0 {
			from = p.states[i].T
		}
	}
	for _, p := range s.came {
		if ready := v.readyAfter(p, p.First); ready.known() {
			from = max(from, ready.before-1)
		}
	}
	return v.FirstFull(from + 1)
}
