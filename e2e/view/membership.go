package view

import (
	"slices"
	"sort"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
)

// Membership says, for one point in time, which pods are expected in the mesh, and to which pod each node name belongs. It is used
// for the views of all nodes.
type Membership struct {
	Expected []*Pod

	topology profile.Topology
	named    map[string]nameOwner
	unnamed  []*Pod
	until    time.Duration // the next end of a VM, from when on a name may be a stale one
}

// nameOwner says to which of the Expected a node name belongs, and whether pods with that name run or have ended.
type nameOwner struct {
	must         []int
	living, dead bool
}

// never is later than any recording.
const never = time.Duration(1<<63 - 1)

// Membership is the membership at t, if the pods must are expected.
func (v *View) Membership(must []*Pod, t time.Duration) *Membership {
	r := &Membership{Expected: must, topology: v.Profile.Expect.Topology, named: make(map[string]nameOwner, len(v.reported)), until: never}
	for _, p := range v.Pods() {
		n := p.Node()
		at, gone := v.overFor(p)
		if n == "" {
			r.unnamed = append(r.unnamed, p)
			continue
		}
		b := r.named[n]
		if gone && at <= t && p.Leaving(t) {
			b.dead = true
		} else {
			b.living = true
		}
		if gone && at > t {
			r.until = min(r.until, at)
		}
		r.named[n] = b
	}
	for i, p := range must {
		if n := p.Node(); n != "" {
			b := r.named[n]
			b.must = append(b.must, i)
			r.named[n] = b
		}
	}
	return r
}

// Look reads a node's view: seen reports for each of the Expected, by index, whether the view contains its node. Stale are names
// of pods whose VM had ended, and foreign are names that never belonged to any pod; remote consoles are neither.
func (r *Membership) Look(visible []string) (seen []bool, stale, foreign []string) {
	seen = make([]bool, len(r.Expected))
	for _, n := range visible {
		b, known := r.named[n]
		for _, i := range b.must {
			seen[i] = true
		}
		switch {
		case b.living:
		case b.dead:
			stale = append(stale, n)
		case known, r.unnamedOf(n, seen), r.console(n):
		default:
			foreign = append(foreign, n)
		}
	}
	sort.Strings(stale)
	sort.Strings(foreign)
	return seen, stale, foreign
}

// unnamedOf reports whether a name is that of a pod whose node name is not known yet, and marks it as seen.
func (r *Membership) unnamedOf(name string, seen []bool) bool {
	i := slices.IndexFunc(r.unnamed, func(p *Pod) bool { return p.Is(name) })
	if i < 0 {
		return false
	}
	if at := slices.Index(r.Expected, r.unnamed[i]); at >= 0 {
		seen[at] = true
	}
	return true
}

func (r *Membership) console(name string) bool {
	for n := range r.named {
		if Console(name, n) {
			return true
		}
	}
	return false
}

// Memberships returns the membership at any time from from to to, for many views of one mesh. It makes a new one only if a pod
// has left in between.
func (v *View) Memberships(must []*Pod, from, to time.Duration) func(t time.Duration) *Membership {
	var changes []time.Duration
	for _, p := range v.Pods() {
		at, gone := v.overFor(p)
		if !gone {
			continue
		}
		changes = append(changes, at)
		for _, e := range Between(p.states, from, to) {
			changes = append(changes, e.T)
		}
	}
	slices.Sort(changes)
	made := map[int]*Membership{}
	return func(t time.Duration) *Membership {
		i, there := slices.BinarySearch(changes, t)
		for there && i < len(changes) && changes[i] == t {
			i++
		}
		if made[i] == nil {
			made[i] = v.Membership(must, t)
		}
		return made[i]
	}
}
