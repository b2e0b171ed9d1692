package judge_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// How the nodes looked for each other is told of the formation, where it has ended without a mesh.
func TestSearchIsToldWhereNoMeshHasFormed(t *testing.T) {
	alone := rt.Formation(3)
	alone.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
	for name, c := range map[string]struct {
		s        *rt.Recording
		scenario recording.Scenario
		told     bool
	}{
		"alone": {alone, recording.Formation, true}, "a mesh": {rt.Formation(3), recording.Formation, false}, "not recorded": {nil, recording.Formation, false},
		"another scenario": {rt.Recovery(3), "recovery", false},
	} {
		e := judge.Scenario{Name: c.scenario}
		if c.s != nil {
			v, err := view.New(c.s.Header())
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range c.s.Events {
				v.Apply(x)
			}
			e.View = v
		}
		p := judge.Judge("x", []judge.Scenario{e}, nil)
		if (p.Search != nil) != c.told {
			t.Errorf("%s: %+v", name, p.Search)
		}
		if p.Search != nil && len(p.Search.Rows) != 3 {
			t.Errorf("%s: %d rows", name, len(p.Search.Rows))
		}
	}
}
