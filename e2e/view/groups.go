package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Groups are the pods that are connected, directly or through others, in the view of any of them; the largest group is first.
// There is always one. seen[i][j] reports whether pod i sees the node of pod j; seen[i] is nil if the view of pod i is not known.
func Groups(pods []*Pod, seen [][]bool) [][]*Pod {
	head := make([]int, len(pods))
	for i := range head {
		head[i] = i
	}
	find := func(i int) int {
		for head[i] != i {
			head[i] = head[head[i]]
			i = head[i]
		}
		return i
	}
	for i, view := range seen {
		for j, there := range view {
			if there {
				head[find(j)] = find(i)
			}
		}
	}
	by := map[int][]*Pod{}
	for i, p := range pods {
		by[find(i)] = append(by[find(i)], p)
	}
	all := make([][]*Pod, 0, max(1, len(by)))
	for _, g := range by {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []*Pod) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0].Name, b[0].Name))
	})
	if len(all) == 0 {
		all = append(all, nil)
	}
	return all
}

// apart says, if one component is expected, that the members were several clusters at t by their latest views, or "".
func (r *Membership) apart(t time.Duration) string {
	if r.topology != profile.OneComponent {
		return ""
	}
	seen := make([][]bool, len(r.Expected))
	for i, p := range r.Expected {
		if e := last(p.Nodes, t); e != nil && e.Nodes.Outcome == recording.OK {
			seen[i], _, _ = r.Look(e.Nodes.Visible)
		}
	}
	groups := Groups(r.Expected, seen)
	if len(groups) < 2 {
		return ""
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g[0].Name
		if n := len(g) - 1; n > 0 {
			names[i] += fmt.Sprintf(" and %d more", n)
		}
	}
	return fmt.Sprintf("%d separate clusters (%s)", len(groups), strings.Join(names, " | "))
}

// MeansOneComponent reports whether the profile expects one cluster whose nodes need not all be connected directly.
func (v *View) MeansOneComponent() bool { return v.Profile.Expect.Topology == profile.OneComponent }

// MeansNoMesh reports whether the profile expects each node to be alone.
func (v *View) MeansNoMesh() bool { return v.Profile.Expect.Topology == profile.NoMesh }
