package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// means says what the profile means the mesh to be.
func means(s *rt.Story, t profile.Topology) {
	edit(s, func(p *profile.Resolved) { p.Expect.Topology = t })
}

// parted takes from each view, and out of each socket table, the nodes that connected says it is not connected to. Not
// every story has the fourth pod.
func parted(s *rt.Story, from time.Duration, connected func(i, j int) bool) {
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
func star(s *rt.Story) {
	means(s, profile.OneComponent)
	parted(s, 0, func(i, j int) bool { return i == 1 || j == 1 })
	s.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.ConnectAll = "false" })
}

// alone is a workload whose nodes are not connected at all.
func alone(s *rt.Story) {
	means(s, profile.NoMesh)
	parted(s, 0, func(int, int) bool { return false })
}

func topologyTrials() map[string][]trial {
	notMeant := func(change func(s *rt.Story), says string) trial {
		return trial{says, change, []want{{whole, check.NotApplicable, "", []string{says}}}}
	}
	component, none := notMeant(star, "expect.topology: component"), notMeant(alone, "expect.topology: none")
	return map[string][]trial{
		"mesh/full":          {component, none},
		"mesh/connects-all":  {component, none},
		"mesh/links-alive":   {none},
		"mesh/one-component": {none, {"a star", star, nil}},
		"recovery/full-again": {none, {"a star", star, nil}, {"the replacement is not in the star again", func(s *rt.Story) { star(s); parted(s, rt.Deleted, func(i, j int) bool { return i < 3 && j < 3 }) }, []want{
			{pair(1, 3), check.Fail, "not-in-view", nil}, {pair(2, 3), check.Fail, "not-in-view", nil}, {pair(3, 1), check.Fail, "not-in-view", nil}, {pair(3, 2), check.Fail, "not-in-view", nil}}}},
		"recovery/pod-delete": {none, {"a star", star, nil}, {"the replacement is in no star", func(s *rt.Story) { star(s); parted(s, rt.Deleted, func(i, j int) bool { return i < 3 && j < 3 }) }, []want{{pod(3), check.Fail, "replacement-alone", []string{rt.Node(3), "not in a cluster with any of the remaining nodes"}}}},
			{"the replacement's view was not seen", func(s *rt.Story) { star(s); s.Drop(isNodes(3, 0)) }, []want{{pod(3), check.Unseen, "", nil}}}},
		"recovery/survivors-keep-links": {{"no two had a link", alone, []want{{whole, check.NotApplicable, "", []string{"no two of the untouched nodes"}}}}, {"a star", star, nil}},
		"mesh/stable": {
			{"a star", star, nil}, none,
			{"a star that falls in two for a moment", func(s *rt.Story) {
				star(s)
				s.Change(func(e recording.Event) bool { return e.Nodes != nil && e.T > 12*time.Second && e.T < 14*time.Second }, func(e *recording.Event) {
					late := e.T > 13*time.Second // the centre notices it after the one that was lost
					e.Nodes.Visible = slices.DeleteFunc(e.Nodes.Visible, func(n string) bool { return e.Nodes.Pod == rt.UID(2) || late && n == rt.Node(2) })
				})
			}, []want{{pod(2), check.Fail, "flapping", []string{rt.Node(2), "sees no other node"}}, {pod(0), check.Pass, "", nil}, {pod(1), check.Fail, "flapping", []string{"2 separate clusters (" + rt.Name(0) + " and 1 more | " + rt.Name(2) + ")"}}}},
		},
		"mesh/nobody-foreign": {
			{"nodes that are alone", alone, nil}, {"a star", star, nil},
			{"two that are meant to be alone are connected", func(s *rt.Story) {
				means(s, profile.NoMesh)
				parted(s, 0, func(i, j int) bool { return i+j == 1 })
			}, []want{{pod(0), check.Fail, "not-alone", []string{"nodes() of " + rt.Node(0) + " contains " + rt.Node(1), "expect.topology: none"}}, {pod(1), check.Fail, "not-alone", nil}}},
		},
	}
}

// What a profile means to be is healthy when it is so: no check is red or unknown.
func TestMeantTopologiesAreHealthy(t *testing.T) {
	for name, change := range map[string]func(s *rt.Story){"a star": star, "alone": alone} {
		for _, c := range rules.All() {
			if c.Scenario == "console" {
				continue
			}
			s := healthy(c.Scenario)
			change(s)
			for _, f := range c.Judge(fold(t, s)) {
				if f.Outcome != check.Pass && f.Outcome != check.NotApplicable {
					t.Errorf("%s: %s: %s: %s %s: %s", name, c.ID, f.Subject, f.Outcome, f.Code, f.Message)
				}
			}
		}
	}
}
