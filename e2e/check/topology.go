package check

import "meshproof.dev/meshproof/e2e/view"

// forFullMesh is a judge for workloads that mean to be a full mesh.
func forFullMesh(judge func(v *view.View) []Finding) func(v *view.View) []Finding {
	return forCluster(func(v *view.View) []Finding {
		if v.MeansOneComponent() {
			return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "the profile means one cluster whose nodes are not all connected directly (expect.topology: component)"}}
		}
		return judge(v)
	})
}

// forCluster is a judge for workloads that mean to be a cluster at all.
func forCluster(judge func(v *view.View) []Finding) func(v *view.View) []Finding {
	return func(v *view.View) []Finding {
		if v.MeansNoMesh() {
			return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "the profile means each node to be alone (expect.topology: none)"}}
		}
		return judge(v)
	}
}

// groupsAtEnd gives the place among the groups, the largest first, of each pod that has to be there at the end: who hangs
// together with whom by anybody's view of anybody.
func groupsAtEnd(v *view.View) map[*view.Pod]int {
	pods := v.Expected(v.End())
	call := v.Membership(pods, v.End())
	seen := make([][]bool, len(pods))
	for i, p := range pods {
		if n, _, _ := belief(p, v.End()); n != nil {
			seen[i], _, _ = call.Look(n.Visible)
		}
	}
	of := map[*view.Pod]int{}
	for i, g := range view.Groups(pods, seen) {
		for _, p := range g {
			of[p] = i
		}
	}
	return of
}

// meansAll reports whether every node has to be connected to every other.
func meansAll(v *view.View) bool { return !v.MeansOneComponent() && !v.MeansNoMesh() }
