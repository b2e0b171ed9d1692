package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// roll is the moment at which the mesh is judged: who had to be there, and what each node's view was.
type roll struct {
	at, began, first time.Duration
	formed           bool // the mesh was full at some time, first at first
	pods             []*view.Pod
	looks            []look // of the pod in the same place
}

// look is one node's view. nodes is nil where it was not seen, for the reason in why.
type look struct {
	nodes          *recording.Nodes
	t              time.Duration
	why            string
	seen           []bool // whether it holds the node of the pod in that place
	stale, foreign []string
}

// meshRoll is judged at the end, or at the moment when the mesh was full if it is not so any more: that it did not stay
// full is mesh/stable's matter. Where no mesh is meant, all of them begin well, and the end counts.
func meshRoll(v *view.View) *roll {
	m, _ := v.Once("roll", func() any { return newRoll(v) }).(*roll) // five checks ask for it
	return m
}

func newRoll(v *view.View) *roll {
	m := &roll{at: v.End(), pods: members(v)}
	if a, ok := v.Act("apply"); ok {
		m.began = a.T
	}
	if m.first, m.formed = v.FirstFull(m.began); m.formed && !v.Mesh(m.at).Full && !v.MeansNoMesh() {
		m.at, m.pods = m.first, v.Expected(m.first)
	}
	call := v.Membership(m.pods, m.at)
	for _, p := range m.pods {
		var l look
		if l.nodes, l.t, l.why = belief(p, m.at); l.nodes != nil {
			l.seen, l.stale, l.foreign = call.Look(l.nodes.Visible)
		}
		m.looks = append(m.looks, l)
	}
	return m
}

// belief is p's own view at t, or what kept it from being seen.
func belief(p *view.Pod, t time.Duration) (*recording.Nodes, time.Duration, string) {
	seen := view.Between(p.Nodes, max(0, t-lately), t)
	if len(seen) == 0 {
		return nil, 0, fmt.Sprintf("the view of %s was not seen", p.Name)
	}
	e := seen[len(seen)-1]
	if e.Nodes.Outcome != recording.OK {
		return nil, 0, fmt.Sprintf("the view of %s was not seen: %s (%s)", p.Name, e.Nodes.Outcome, e.Nodes.Detail)
	}
	return e.Nodes, e.T, ""
}

// groups are the pods that hang together by anybody's view of anybody, the largest group first. There is always one.
func (m *roll) groups() [][]*view.Pod {
	seen := make([][]bool, len(m.looks))
	for i, l := range m.looks {
		seen[i] = l.seen
	}
	return view.Groups(m.pods, seen)
}

// onGroup is the subject that stands for a part of the mesh, named by its first pod.
func onGroup(pods []*view.Pod) Subject { return Subject{Kind: "group", Name: "of " + pods[0].Name} }

// placeInGroups gives the group of each pod.
func (m *roll) placeInGroups() []Subject {
	of := map[*view.Pod]Subject{}
	for _, g := range m.groups() {
		for _, p := range g {
			of[p] = onGroup(g)
		}
	}
	all := make([]Subject, len(m.pods))
	for i, p := range m.pods {
		all[i] = of[p]
	}
	return all
}
