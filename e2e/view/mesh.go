package view

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Must are the pods that have to be in the mesh at t: Ready and not on their way out. Not Ready, terminating
// and surge pods may be in it or not.
func (v *View) Must(t time.Duration) []*Pod {
	var all []*Pod
	for _, p := range v.Pods() {
		if p.Ready(t) {
			all = append(all, p)
		}
	}
	return all
}

// Mesh is the state of the mesh at one moment.
type Mesh struct {
	Full  bool
	Since time.Duration // if full: since when without a break, as far as it was covered
	Why   []string      // if not full: what is missing, one clause each
}

// String says why the mesh is not full.
func (m Mesh) String() string {
	if m.Full {
		return "full mesh"
	}
	return strings.Join(m.Why, "; ")
}

// Mesh judges nobody; it tells whether at t every member's own view held every other member, nothing of a
// pod that has left and nobody foreign, and since when that has been so without a gap.
func (v *View) Mesh(t time.Duration) Mesh {
	must := v.Must(t)
	m := Mesh{Why: v.lacks(must, t)}
	if m.Full = len(m.Why) == 0; !m.Full {
		return m
	}
	for _, p := range must {
		m.Since = max(m.Since, p.changed(t), v.since(p, must, t))
	}
	return m
}

// lacks says what keeps the mesh from being full at t, judged by each member's youngest view.
func (v *View) lacks(must []*Pod, t time.Duration) []string {
	var why []string
	if want := v.Profile.Replicas(); len(must) < want {
		why = append(why, fmt.Sprintf("%d of %d pods ready", len(must), want))
	}
	for _, p := range must {
		if w := v.lack(p, must, t); w != "" {
			why = append(why, w)
		}
	}
	return why
}

// lack says why p's youngest view at t is not a full one, or "".
func (v *View) lack(p *Pod, must []*Pod, t time.Duration) string {
	e := last(p.Nodes, t)
	switch {
	case e == nil:
		return p.Name + " has not been asked yet"
	case e.Nodes.Outcome != recording.OK:
		return fmt.Sprintf("%s cannot be asked: %s (%s)", p.Name, e.Nodes.Outcome, e.Nodes.Detail)
	case t-e.T > MaxGap:
		return fmt.Sprintf("%s has not been seen for %.1f s", p.Name, (t - e.T).Seconds())
	}
	if d := v.Differs(p, e.Nodes.Visible, must, t); len(d) > 0 {
		return p.Name + " " + strings.Join(d, " and ")
	}
	return ""
}

// since walks back from t over p's own views for as long as they hold what the youngest holds.
func (v *View) since(p *Pod, must []*Pod, t time.Duration) time.Duration {
	samples := Between(p.Nodes, 0, t)
	from := t
	for i := len(samples) - 1; i >= 0; i-- {
		e := samples[i]
		if from-e.T > MaxGap || e.Nodes.Outcome != recording.OK {
			break
		}
		// Most views are the same as the one after them, which was full.
		same := i+1 < len(samples) && slices.Equal(e.Nodes.Visible, samples[i+1].Nodes.Visible)
		if !same && len(v.Differs(p, e.Nodes.Visible, must, t)) > 0 {
			break
		}
		from = e.T
	}
	return from
}

// Differs says in what p's view differs from the other members: "misses NODE", "sees NODE of a pod that has left"
// … An empty answer is a full view. Pods that may be in the mesh are no difference.
func (v *View) Differs(p *Pod, visible []string, must []*Pod, t time.Duration) []string {
	sees := map[string]bool{}
	for _, n := range visible {
		sees[n] = true
	}
	var d []string
	for _, q := range must {
		if q == p {
			continue
		}
		switch n := q.Node(); {
		case n != "" && sees[n], n == "" && slices.ContainsFunc(visible, q.Is):
		case n == "":
			d = append(d, "misses "+q.Name+" (whose node name is not known)")
		default:
			d = append(d, "misses "+n)
		}
	}
	stale, foreign := v.Others(visible, t)
	for _, n := range stale {
		d = append(d, "still sees "+n+" of a pod that has left")
	}
	for _, n := range foreign {
		d = append(d, "sees "+n+", which is no node of this workload")
	}
	return d
}

// Others are the names in a node's view at t that belong to no living pod of the workload: stale ones of pods whose VM
// had ended by then, and foreign ones that never belonged to any.
func (v *View) Others(visible []string, t time.Duration) (stale, foreign []string) {
	living, dead := map[string]bool{}, map[string]bool{}
	var unnamed []*Pod
	for _, p := range v.Pods() {
		n := p.Node()
		at, gone := p.Exited()
		switch {
		case n == "":
			unnamed = append(unnamed, p)
		case gone && at <= t && p.Leaving(t):
			dead[n] = true
		default:
			living[n] = true
		}
	}
	for _, n := range visible {
		switch {
		case living[n]:
		case dead[n]:
			stale = append(stale, n)
		case slices.ContainsFunc(unnamed, func(p *Pod) bool { return p.Is(n) }):
		default:
			foreign = append(foreign, n)
		}
	}
	sort.Strings(stale)
	sort.Strings(foreign)
	return stale, foreign
}

// Held tells whether the mesh is full now and has been for d, covered without a gap.
func (v *View) Held(d time.Duration) (bool, Mesh) {
	m := v.Mesh(v.end)
	return m.Full && v.end-m.Since >= d, m
}

// FirstFull is the first moment at or after from at which the mesh was full.
func (v *View) FirstFull(from time.Duration) (time.Duration, bool) {
	var witness *Pod // what lacked a moment ago mostly still does
	for _, t := range v.moments(from) {
		must := v.Must(t)
		if len(must) < v.Profile.Replicas() || witness != nil && slices.Contains(must, witness) && v.lack(witness, must, t) != "" {
			continue
		}
		i := slices.IndexFunc(must, func(p *Pod) bool { return v.lack(p, must, t) != "" })
		if i < 0 {
			return t, true
		}
		witness = must[i]
	}
	return 0, false
}

// moments are the times at which something about the mesh became known, sorted.
func (v *View) moments(from time.Duration) []time.Duration {
	var all []time.Duration
	for _, p := range v.Pods() {
		for _, list := range [][]recording.Event{p.Nodes, p.states} {
			for _, e := range Between(list, from, v.end) {
				all = append(all, e.T)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}
