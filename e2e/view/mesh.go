package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Mesh is the state of the mesh at one point in time. Full means: as the profile expects it (expect.topology).
type Mesh struct {
	Full  bool
	Since time.Duration // if full: since when without a break, as far as it was covered
	Why   []string      // if not full: what is missing, one clause each

	topology profile.Topology
}

// String describes the mesh, or says why it is not as expected.
func (m Mesh) String() string {
	switch {
	case !m.Full:
		return strings.Join(m.Why, "; ")
	case m.topology == profile.OneComponent:
		return "one cluster"
	case m.topology == profile.NoMesh:
		return "no cluster, as expected"
	default:
		return "full mesh"
	}
}

// Mesh reports whether at t every member's own view was as the profile's topology expects, without pods that have left and without
// foreign nodes, and since when without a gap. A full mesh needs every other member in every view, one component needs a path from
// each member to each other, and no mesh needs views without any member.
func (v *View) Mesh(t time.Duration) Mesh {
	if t == v.end {
		// Most questions are about the end, and many checks ask them.
		m, _ := v.Once("mesh", func() any { return v.meshAt(t) }).(Mesh)
		return m
	}
	return v.meshAt(t)
}

func (v *View) meshAt(t time.Duration) Mesh {
	r := v.Membership(v.Expected(t), t)
	m := Mesh{Why: v.lacks(r, t), topology: r.topology}
	if m.Full = len(m.Why) == 0; m.Full {
		for i, p := range r.Expected {
			m.Since = max(m.Since, p.changed(t), r.since(i, t))
		}
	}
	return m
}

// lacks says why the mesh is not full at t, by each member's latest view.
func (v *View) lacks(r *Membership, t time.Duration) []string {
	var why []string
	if want := v.Replicas(t); len(r.Expected) < want {
		why = append(why, fmt.Sprintf("%d of %d pods ready", len(r.Expected), want))
	}
	for i := range r.Expected {
		if w := r.lack(i, t); w != "" {
			why = append(why, w)
		}
	}
	if w := r.apart(t); w != "" && len(why) == 0 {
		why = append(why, w)
	}
	return why
}

// lack says why the latest view of the member with that index is not full at t, or "".
func (r *Membership) lack(i int, t time.Duration) string {
	p := r.Expected[i]
	e := last(p.Nodes, t)
	switch {
	case e == nil:
		return p.Name + " was not queried yet"
	case e.Nodes.Outcome != recording.OK:
		return fmt.Sprintf("%s cannot be queried: %s (%s)", p.Name, e.Nodes.Outcome, e.Nodes.Detail)
	case t-e.T > p.MaxGap():
		return fmt.Sprintf("%s has not been seen for %.1f s", p.Name, (t - e.T).Seconds())
	}
	if d := r.Differs(p, e.Nodes.Visible); len(d) > 0 {
		return p.Name + " " + strings.Join(d, " and ")
	}
	return ""
}

// since goes back from t through a member's own views as long as they contain the same as the latest one.
func (r *Membership) since(i int, t time.Duration) time.Duration {
	p := r.Expected[i]
	samples := Between(p.Nodes, 0, t)
	from := t
	for i := len(samples) - 1; i >= 0; i-- {
		e := samples[i]
		if from-e.T > p.MaxGap() || e.Nodes.Outcome != recording.OK {
			break
		}
		// Most views are the same as the one after them, which was full.
		same := i+1 < len(samples) && slices.Equal(e.Nodes.Visible, samples[i+1].Nodes.Visible)
		if !same && len(r.Lacks(p, e)) > 0 {
			break
		}
		from = e.T
	}
	return from
}

// Lacks says how the mesh differed from the expected one when p gave that view, as far as p's view shows it. Views of others that
// had changed before count as theirs.
func (r *Membership) Lacks(p *Pod, e recording.Event) []string {
	d := r.Differs(p, e.Nodes.Visible)
	if w := r.apart(e.T); w != "" && len(d) == 0 {
		d = append(d, "is in one of "+w)
	}
	return d
}

// Differs says how p's view differs from what the topology expects: "misses NODE", "sees NODE of a pod that has left" … Empty if
// it does not differ. Pods that may be in the mesh are no difference.
func (r *Membership) Differs(p *Pod, visible []string) []string {
	seen, stale, foreign := r.Look(visible)
	d := r.members(p, seen)
	for _, n := range stale {
		d = append(d, "still sees "+n+" of a pod that has left")
	}
	for _, n := range foreign {
		d = append(d, "sees "+n+", which is not a node of this workload")
	}
	return d
}

// members says how p's view of the other members differs from what is expected.
func (r *Membership) members(p *Pod, seen []bool) []string {
	var all []string
	met, missed := false, false
	for i, q := range r.Expected {
		switch {
		case q == p:
		case seen[i]:
			if met = true; r.topology == profile.NoMesh {
				all = append(all, "sees "+q.called()+" but is expected to be alone")
			}
		default:
			if missed = true; r.topology != profile.NoMesh && r.topology != profile.OneComponent {
				all = append(all, "misses "+q.called())
			}
		}
	}
	if r.topology == profile.OneComponent && missed && !met {
		all = append(all, "sees no other node")
	}
	return all
}

// called is the pod's node name, or what to say where it is not known.
func (p *Pod) called() string {
	if n := p.Node(); n != "" {
		return n
	}
	return p.Name + " (whose node name is not known)"
}

// Others are the names in a node's view at t that belong to no living pod of the workload: stale ones of pods whose VM
// had ended by then, and foreign ones that never belonged to any.
func (v *View) Others(visible []string, t time.Duration) (stale, foreign []string) {
	of, _ := v.Once("owners of names", func() any { return &nameOwners{at: v.Memberships(nil, 0, v.end)} }).(*nameOwners)
	_, stale, foreign = of.membership(t).Look(visible)
	return stale, foreign
}

// nameOwners is whose each node name is, at any time. A thousand nodes are asked for at nearly the same one.
type nameOwners struct {
	mu sync.Mutex
	at func(t time.Duration) *Membership
}

func (o *nameOwners) membership(t time.Duration) *Membership {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at(t)
}

// Held reports whether the mesh is full now and has been for d, observed without a gap. If it is not known now which pods exist,
// it is not known to be full.
func (v *View) Held(d time.Duration) (bool, Mesh) {
	m := v.Mesh(v.end)
	if watched, why := v.Watched(); !watched {
		m.Full, m.Why = false, slices.Concat(m.Why, []string{why})
	}
	return m.Full && v.end-m.Since >= d, m
}

// FirstFull is the first time at or after from at which the mesh was full, as the profile expects it.
func (v *View) FirstFull(from time.Duration) (time.Duration, bool) {
	f, _ := v.Once(fmt.Sprintf("first full from %d", from), func() any {
		at, ever := v.firstFull(from)
		return first{at, ever}
	}).(first)
	return f.at, f.ever
}

// first is an answer of FirstFull.
type first struct {
	at   time.Duration
	ever bool
}

func (v *View) firstFull(from time.Duration) (time.Duration, bool) {
	var r *Membership
	ready := map[*Pod]bool{}
	// Pods that never get Ready count from their node's first answer on, which is no change of state.
	unready := slices.ContainsFunc(v.Pods(), v.neverReady)
	for _, p := range v.Pods() {
		if p.Ready(from - 1) {
			ready[p] = true
		}
	}
	witness := 0 // the index of a member whose view was not full a moment ago
	for _, m := range v.moments(from) {
		if m.state {
			// From here on other pods may be expected.
			r = nil
			if m.pod.Ready(m.t) {
				ready[m.pod] = true
			} else {
				delete(ready, m.pod)
			}
		}
		if want := v.Replicas(m.t); len(ready) < want && unready {
			r = nil
			if len(v.Expected(m.t)) < want {
				continue
			}
		} else if len(ready) < want || len(ready) == 0 {
			continue
		}
		if r == nil || m.t >= r.until {
			r, witness = v.Membership(v.Expected(m.t), m.t), 0
		} else if m.pod != r.Expected[witness] {
			continue // only a view of its own can show that the witness is full now
		}
		if v.allFull(r, m.t, &witness) {
			return m.t, true
		}
	}
	return 0, false
}

// allFull reports whether every member's view is full at t. It begins with the witness and sets it to the first whose view is not
// full: those before it were full a moment ago.
func (v *View) allFull(r *Membership, t time.Duration, witness *int) bool {
	for range r.Expected {
		if r.lack(*witness, t) != "" {
			return false
		}
		*witness = (*witness + 1) % len(r.Expected)
	}
	return r.apart(t) == ""
}

// moment is a time at which something about the mesh became known: a pod's state, or a node's view.
type moment struct {
	t     time.Duration
	pod   *Pod
	state bool
}

// moments are those from a time on, sorted; of one time the states first.
func (v *View) moments(from time.Duration) []moment {
	var all []moment
	for _, p := range v.Pods() {
		for _, e := range Between(p.states, from, v.end) {
			all = append(all, moment{e.T, p, true})
		}
		for _, e := range Between(p.Nodes, from, v.end) {
			all = append(all, moment{e.T, p, false})
		}
	}
	slices.SortStableFunc(all, func(a, b moment) int {
		if a.state != b.state && a.t == b.t {
			if a.state {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.t, b.t)
	})
	return all
}
