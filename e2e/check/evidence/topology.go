package evidence

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// ForFullMesh is a judge for workloads that are to form a full mesh.
func ForFullMesh(judge func(v *view.View) []check.Finding) func(v *view.View) []check.Finding {
	return ForCluster(func(v *view.View) []check.Finding {
		if v.MeansOneComponent() {
			return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile expects one cluster, but not a full mesh (expect.topology: component)"}}
		}
		return judge(v)
	})
}

// ForCluster is a judge for workloads that are to form a cluster.
func ForCluster(judge func(v *view.View) []check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		if v.MeansNoMesh() {
			return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile expects no connections between nodes (expect.topology: none)"}}
		}
		return judge(v)
	}
}

// GroupsAtEnd gives, for each pod that is expected at the end, the index of its connected component, the largest first. Two pods
// are connected if one of them sees the other.
func GroupsAtEnd(v *view.View) map[*view.Pod]int {
	pods := v.Expected(v.End())
	membership := v.Membership(pods, v.End())
	seen := make([][]bool, len(pods))
	for i, p := range pods {
		if n, _, _ := check.ViewAt(p, v.End()); n != nil {
			seen[i], _, _ = membership.Look(n.Visible)
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

// MeansFullMesh reports whether every node has to be connected to every other.
func MeansFullMesh(v *view.View) bool { return !v.MeansOneComponent() && !v.MeansNoMesh() }
