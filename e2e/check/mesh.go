package check

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Snapshot is the mesh at the moment at which it is judged: the expected pods, and the view of each node.
type Snapshot struct {
	At, Began, First time.Duration
	Formed           bool // the mesh was full at some time, for the first time at First
	Timed            bool // all pods were observed since they began, so that it was not full before First
	Pods             []*view.Pod
	Views            []NodeView // by the index of the pod
}

// NodeView is one node's view. Nodes is nil where it was not seen, for the reason in Why.
type NodeView struct {
	Nodes          *recording.Nodes
	T              time.Duration
	Why            string
	Seen           []bool // whether it has the node of the pod with that index
	Stale, Foreign []string
}

// MeshSnapshot is the mesh at the end. If the mesh was full before and is not full at the end, it is the mesh at the moment when
// it was full: that it did not stay full is what mesh/stable checks. If the profile wants no mesh, the end counts.
func MeshSnapshot(v *view.View) *Snapshot {
	m, _ := v.Once("mesh snapshot", func() any { return newSnapshot(v) }).(*Snapshot) // five checks ask for it
	return m
}

func newSnapshot(v *view.View) *Snapshot {
	m := &Snapshot{At: v.End(), Pods: Members(v)}
	if a, ok := v.Act(recording.Apply); ok {
		m.Began = a.T
	}
	if m.First, m.Formed = v.FirstFull(m.Began); m.Formed && !v.Mesh(m.At).Full && !v.MeansNoMesh() {
		m.At, m.Pods = m.First, v.Expected(m.First)
	}
	m.Timed = !slices.ContainsFunc(m.Pods, func(p *view.Pod) bool { return !v.SeenSinceItBegan(p) })
	membership := v.Membership(m.Pods, m.At)
	for _, p := range m.Pods {
		var l NodeView
		if l.Nodes, l.T, l.Why = ViewAt(p, m.At); l.Nodes != nil {
			l.Seen, l.Stale, l.Foreign = membership.Look(l.Nodes.Visible)
		}
		m.Views = append(m.Views, l)
	}
	return m
}

// Youngest is when the last of the views was seen.
func (m *Snapshot) Youngest() time.Duration {
	t := time.Duration(0)
	for _, n := range m.Views {
		t = max(t, n.T)
	}
	return t
}

// ViewAt is the view of p's node at t, or why it is not known.
func ViewAt(p *view.Pod, t time.Duration) (*recording.Nodes, time.Duration, string) {
	seen := view.Between(p.Nodes, max(0, t-Fresh(p)), t)
	if len(seen) == 0 {
		return nil, 0, fmt.Sprintf("the view of %s (its nodes()) was not recorded", p.Name)
	}
	e := seen[len(seen)-1]
	if e.Nodes.Outcome != recording.OK {
		return nil, 0, fmt.Sprintf("the view of %s (its nodes()) could not be read: %s (%s)", p.Name, e.Nodes.Outcome, e.Nodes.Detail)
	}
	return e.Nodes, e.T, ""
}

// FirstPods are the first n of the pods.
func FirstPods(pods []*view.Pod, n int) []*view.Pod { return pods[:min(n, len(pods))] }

// Groups are the connected components, the largest first: two pods are connected if one of them sees the other. There is
// always at least one group.
func (m *Snapshot) Groups() [][]*view.Pod {
	seen := make([][]bool, len(m.Views))
	for i, l := range m.Views {
		seen[i] = l.Seen
	}
	return view.Groups(m.Pods, seen)
}

// GroupOfEach gives the group of each pod.
func (m *Snapshot) GroupOfEach() []Subject {
	of := map[*view.Pod]Subject{}
	for _, g := range m.Groups() {
		for _, p := range g {
			of[p] = OnGroup(g)
		}
	}
	all := make([]Subject, len(m.Pods))
	for i, p := range m.Pods {
		all[i] = of[p]
	}
	return all
}
