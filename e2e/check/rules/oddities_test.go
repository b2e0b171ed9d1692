package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// oddity is something that happens around healthy clusters. No check may turn red, or even grey, for it.
type oddity struct {
	name     string
	scenario string // "" for each
	change   func(s *rt.Recording)
}

// settled are the scenarios in which pod 1 is there from beginning to end.
const settled = "formation recovery"

func oddities() []oddity {
	late := func(by func(recording.Event) bool, d time.Duration) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(by, func(e *recording.Event) { e.T += d })
		}
	}
	return []oddity{
		{"news of the API server 100 ms late", "", late(byKube, 100*time.Millisecond)},
		{"news of the API server 20 ms before what the agent sees", "", late(byAgent, 20*time.Millisecond)},
		{"a surge pod that is not ready", "formation", surge},
		{"an old pod on its way out", "formation", leaving},
		{"readiness flips", "formation", func(s *rt.Recording) { flip(s, 1, 4500*time.Millisecond, 4900*time.Millisecond) }},
		{"the agent came 2 s late", "formation", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool {
				return byAgent(e) && e.Cookie == nil && e.VM == nil && e.Resolver == nil && e.T > 200*time.Millisecond && e.T < 4500*time.Millisecond
			})
			// What it reads when it comes, it reads then.
			s.Change(func(e recording.Event) bool { return e.VM != nil || e.Resolver != nil }, func(e *recording.Event) { e.T = 4500 * time.Millisecond })
		}},
		{"the last half second of one pod was not heard", settled, func(s *rt.Recording) {
			end := s.Events[len(s.Events)-1].T
			s.Drop(func(e recording.Event) bool {
				return e.T > end-500*time.Millisecond && (isNodes(1, 0)(e) || isSockets(1, 0)(e) || isDNS(1, 0)(e))
			})
		}},
		{"a hidden node looks in", "", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Hidden = []string{"observer@10.244.9.9"} })
		}},
		{"a remote console, hidden and registered", "", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isNodes(1, 0)(e) || toEPMD(1, 0)(e) }, func(e *recording.Event) {
				if e.Nodes != nil {
					e.Nodes.Hidden = []string{"rem-1f0e-" + rt.Node(1)}
				} else {
					e.EPMD.Names = append(e.EPMD.Names, recording.Registered{Name: "rem-1f0e-derl", Port: 40001})
				}
			})
		}},
		{"a remote console of an older release, which all nodes see", "", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) {
				e.Nodes.Visible = append(e.Nodes.Visible, "remsh7a6b-"+rt.Node(1))
			})
		}},
		{"web and worker as one cluster", "formation", func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) {
				p.Workloads[0].Replicas = 2
				worker := p.Workloads[0]
				worker.Name, worker.Replicas, worker.Labels = "worker", 1, map[string]string{"app": "worker"}
				p.Workloads = append(p.Workloads, worker)
			})
			s.Change(isPod(2), func(e *recording.Event) {
				e.Pod.Labels, e.Pod.Owner = map[string]string{"app": "worker"}, "ReplicaSet/worker-7d5b"
			})
		}},
		{"a pod of somebody else in the namespace", "", func(s *rt.Recording) {
			s.Add(recording.Event{T: time.Second, By: "kube", Pod: &recording.Pod{UID: "x", Name: "postgres-0", Labels: map[string]string{"app": "postgres"}, Phase: "Pending"}})
		}},
		{"a pod of somebody else with the same labels", "", func(s *rt.Recording) {
			s.Add(recording.Event{T: time.Second, By: "kube", Pod: &recording.Pod{UID: "x", Name: "web-1", Owner: "ReplicaSet/web-6c9f", Labels: map[string]string{"app": "derl"}, Phase: "Pending"}})
		}},
		{"all of the pods were reported once more", "", func(s *rt.Recording) {
			last := map[string]recording.Event{}
			for _, e := range s.Events {
				if e.Pod != nil {
					last[e.Pod.UID] = e
				}
			}
			for _, e := range last {
				e.T = s.Events[len(s.Events)-1].T
				s.Events = append(s.Events, e)
			}
		}},
		{"one view took too long", settled, func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool {
				return e.Nodes != nil && e.Nodes.Pod == rt.UID(2) && e.T > s.Events[len(s.Events)-1].T-1300*time.Millisecond && e.T < s.Events[len(s.Events)-1].T-1000*time.Millisecond
			}, func(e *recording.Event) { e.Nodes.Outcome, e.Nodes.Visible = recording.Timeout, nil })
		}},
		{"dials that never ended when the victim went", "recovery", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Dist != nil && e.Dist.To == rt.UID(0) && e.T > rt.Deleted }, func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Node = recording.Refused, ""
			})
		}},
		{"the old name lingers in one view for a look", "recovery", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isNodes(1, rt.Exited)(e) && e.T < rt.Exited+250*time.Millisecond }, func(e *recording.Event) {
				e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(0))
			})
		}},
		{"the deletion is reported only after the VM has ended", "recovery", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Deleting && !e.Pod.Gone }, func(e *recording.Event) { e.T = rt.Exited + 50*time.Millisecond })
		}},
	}
}

func TestHealthyOddities(t *testing.T) {
	for _, o := range slices.Concat(oddities(), manifestOddities()) {
		views := map[recording.Scenario]*view.View{}
		for _, c := range rules.All() {
			if o.scenario != "" && !strings.Contains(o.scenario, string(c.Scenario)) || c.Scenario == "console" {
				continue
			}
			if views[c.Scenario] == nil {
				s := healthy(c.Scenario, 3)
				o.change(s)
				views[c.Scenario] = fold(t, s)
			}
			t.Run(o.name+"/"+c.ID, func(t *testing.T) {
				for _, f := range c.Judge(views[c.Scenario]) {
					if f.Outcome != check.Pass && (f.Outcome != check.NotApplicable || applies(t, c)) {
						t.Errorf("%s: %s %s: %s", f.Subject, f.Outcome, f.Code, f.Message)
					}
				}
			})
		}
	}
}

// applies reports whether the check applies to the recording in which nothing is odd. One that does not has a trial in which it passes.
func applies(t *testing.T, c check.Check) bool {
	t.Helper()
	return !slices.ContainsFunc(c.Judge(fold(t, healthy(c.Scenario, 3))), func(f check.Finding) bool { return f.Outcome == check.NotApplicable })
}
