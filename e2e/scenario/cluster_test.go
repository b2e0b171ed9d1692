package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// acts are what the scenario says that it did, in order.
func (s *stage) acts() (all []string) {
	s.env.Ask(func(v *view.View) {
		for _, e := range v.Acts() {
			all = append(all, strings.TrimSpace(e.Act.Do+" "+e.Act.Pod))
		}
	})
	return all
}

// formedNow is the stage of a mesh to which nothing has been done yet, where a recovery takes no longer than a moment.
func formedNow(t *testing.T) *stage {
	t.Helper()
	s, _ := staged(t, rt.Formation(3), rt.Formed, func(recording.Event) bool { return true })
	s.env.Profile.Budgets.Recovery = profile.Duration(50 * time.Millisecond)
	s.env.Profile.Budgets.Formation = profile.Duration(50 * time.Millisecond)
	return s
}

// What a scenario does is in the recording, each act before or after what it is about, and Undo takes back what lasts.
func TestWhatIsDoneIsRecorded(t *testing.T) {
	w, pod := rt.Worker, rt.UID
	for _, c := range []struct {
		name            Name
		did, acts, undo []string
	}{
		{"pod-delete-forced", []string{"force " + rt.Name(0)}, []string{"force-delete " + pod(0)}, nil},
		{"all-pods", []string{"delete " + rt.Name(0), "delete " + rt.Name(1), "delete " + rt.Name(2)}, []string{"delete-pod " + pod(0), "delete-pod " + pod(1), "delete-pod " + pod(2)}, nil},
		{"scale", []string{"scale Deployment derl 5", "scale Deployment derl 3"}, []string{"scale", "scale"}, []string{"scale Deployment derl 3"}},
		{"node-drain", []string{"cordon " + w, "evict " + rt.Name(0), "evict " + rt.Name(1), "evict " + rt.Name(2)}, []string{"cordon", "evict-pod " + pod(0), "evict-pod " + pod(1), "evict-pod " + pod(2)}, []string{"uncordon"}},
		{"node-stop", []string{"cut off other"}, []string{"cut-node " + pod(1)}, []string{"rejoin"}},
		{"epmd-killed", []string{"kill epmd of " + rt.Name(1), "delete " + rt.Name(0)}, []string{"kill-epmd " + pod(1), "delete-pod " + pod(0)}, []string{"replace"}},
		{"secret-rotated", []string{"rotate", "delete " + rt.Name(0)}, []string{"rotate-secret", "delete-pod " + pod(0)}, []string{"restore"}},
	} {
		s := formedNow(t)
		if c.name == "node-stop" {
			s.env.Profile.Budgets.Recovery = profile.Duration(50*time.Millisecond - lossTime)
			elsewhere(s, 1)
		}
		sc := named(t, c.name)
		if err := sc.Run(t.Context(), s.env); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if acts := s.acts(); !slices.Equal(s.did, c.did) || !slices.Equal(acts, c.acts) {
			t.Errorf("%s: done was %q, want %q; recorded is %q, want %q", c.name, s.did, c.did, acts, c.acts)
		}
		s.did = nil
		if sc.Undo != nil {
			if err := sc.Undo(t.Context(), s.env); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if !slices.Equal(s.did, c.undo) {
			t.Errorf("%s: taken back is %q, want %q", c.name, s.did, c.undo)
		}
	}
}

// A scenario that finds no healthy mesh does nothing, and says what was wrong with it.
func TestNothingIsDoneToAMeshThatIsNotHealthy(t *testing.T) {
	for _, name := range Names() {
		if name == recording.Formation || name == "console" {
			continue
		}
		s := formedNow(t)
		s.env.Profile.Rollout = []string{"Deployment/derl"}
		// Pod 1 has lost pod 2.
		s.env.Sink(recording.Event{T: s.env.Now(), By: rt.Agent, Nodes: &recording.Nodes{Pod: rt.UID(1), Node: rt.Node(1), Outcome: recording.OK, Visible: []string{rt.Node(0)}}})
		if name == "node-stop" || name == "node-drain" {
			s.env.Profile.Budgets.Recovery = profile.Duration(20 * time.Millisecond)
		}
		if err := named(t, name).Run(t.Context(), s.env); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		e, said := s.act(recording.NotDone)
		if len(s.did) > 0 || !said || !strings.Contains(e.Act.Detail, "misses "+rt.Node(2)) {
			t.Errorf("%s: done was %q, recorded is %q %+v", name, s.did, s.acts(), e.Act)
		}
	}
}

// elsewhere moves a pod to another node.
func elsewhere(s *stage, i int) {
	var p recording.Pod
	s.env.Ask(func(v *view.View) {
		q, _ := v.Pod(rt.UID(i))
		p = *q.Last()
	})
	p.Node = "other"
	s.env.Sink(recording.Event{T: s.env.Now(), By: "kube", Pod: &p})
}

// Nothing is cut off where the only node that may be is that of the control plane, or where nobody would be left.
func TestNoNodeIsCutOffInVain(t *testing.T) {
	for _, alone := range []bool{true, false} {
		s := formedNow(t)
		if s.alone = alone; alone {
			elsewhere(s, 1)
		}
		err := named(t, "node-stop").Run(t.Context(), s.env)
		if e, said := s.act(recording.NotDone); err != nil || len(s.did) > 0 || !said || !strings.Contains(e.Act.Detail, "remains elsewhere") {
			t.Errorf("%v, done was %q, recorded is %q", err, s.did, s.acts())
		}
	}
}

// A scenario that changes nodes is for a cluster that the run has made, and large enough.
func TestScenariosThatChangeNodes(t *testing.T) {
	p := &profile.Resolved{Workloads: []profile.Workload{{Kind: "Deployment", Replicas: 3}}}
	for nodes, says := range map[int]string{0: "has not made the cluster", 1: "needs 3 nodes, and the cluster has 1", 3: ""} {
		plan := Plan{Profile: p, Judged: Names(), Named: []Name{"node-stop"}, Nodes: nodes}
		if why := plan.Omits(nodeStop()); (why == "") != (says == "") || !strings.Contains(why, says) {
			t.Errorf("%d nodes: %q", nodes, why)
		}
	}
}

// "all" are all scenarios that apply, and some may be left out of them.
func TestAllScenarios(t *testing.T) {
	p := &profile.Resolved{Workloads: []profile.Workload{{Kind: "Deployment", Replicas: 5}}, EPMDPort: 4369, Rollout: []string{"Deployment/x"}, Console: []profile.Command{{}}}
	plan := Plan{Profile: p, Judged: Names(), Named: []Name{Everything}, Nodes: 3}
	if got := plan.Scenarios(); len(got) != len(All()) {
		t.Errorf("%d of %d scenarios are recorded", len(got), len(All()))
	}
	plan.Named = append(plan.Named, "-secret-rotated")
	if why := plan.Omits(secretRotated()); len(plan.Scenarios()) != len(All())-1 || why == "" {
		t.Errorf("what is left out is recorded: %q", why)
	}
	for names, says := range map[string]string{"all": "", "all -scale": "", "-scale": "unknown", "all -scael": "unknown", "al": "or all"} {
		var list []Name
		for _, n := range strings.Fields(names) {
			list = append(list, Name(n))
		}
		if err := Check(list); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", names, err)
		}
	}
}
