package rules_test

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// means says what the profile means the mesh to be.
func means(s *rt.Recording, t profile.Topology) {
	edit(s, func(p *profile.Resolved) { p.Expect.Topology = t })
}

// parted takes from each view, and out of each socket table, the nodes that connected says it is not connected to. Not
// every recording has the fourth pod.
func parted(s *rt.Recording, from time.Duration, connected func(i, j int) bool) {
	for i := range 4 {
		for j := range 4 {
			if i == j || connected(i, j) || !slices.ContainsFunc(s.Events, isNodes(i, from)) {
				continue
			}
			s.Change(isNodes(i, from), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j)) })
			unlinked(s, i, j, from, time.Hour)
		}
	}
}

// star is a mesh in which everybody is connected to the first pod that stays, and to nobody else.
func star(s *rt.Recording) {
	means(s, profile.OneComponent)
	parted(s, 0, func(i, j int) bool { return i == 1 || j == 1 })
	s.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.ConnectAll = "false" })
}

// alone is a workload whose nodes are not connected at all.
func alone(s *rt.Recording) {
	means(s, profile.NoMesh)
	parted(s, 0, func(int, int) bool { return false })
}

func notMeant(change func(s *rt.Recording), says string) trial {
	return trial{says, change, []want{{whole, check.NotApplicable, "", []string{says}}}}
}

func componentMeant() trial {
	return notMeant(star, "expect.topology: component")
}

func noMeshMeant() trial {
	return notMeant(alone, "expect.topology: none")
}
