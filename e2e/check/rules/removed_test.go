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

// as is a recovery whose pod was removed by that act instead of a deletion.
func as(do string, scenario recording.Scenario) *rt.Recording {
	s := rt.Recovery(3)
	s.Scenario = scenario
	s.Change(isAct, func(e *recording.Event) { e.Act.Do = do })
	return s
}

// Checks that are judged on several scenarios find nothing wrong where nothing is, however the pods were removed.
func TestPodsThatAreRemovedInOtherWays(t *testing.T) {
	for _, s := range []*rt.Recording{
		as(recording.ForceDelete, "pod-delete-forced"), as(recording.EvictPod, "node-drain"), rt.AllPods(3), rt.Scaled(3),
	} {
		judgedOn := 0
		for _, c := range rules.All() {
			if !slices.Contains(c.Also, s.Scenario) {
				continue
			}
			judgedOn++
			found := c.Judge(fold(t, s))
			for _, f := range found {
				if f.Outcome != check.Pass && f.Outcome != check.NotApplicable {
					t.Errorf("%s on %s: %s: %s %s", c.ID, s.Scenario, f.Subject, f.Outcome, f.Message)
				}
			}
			if len(found) == 0 {
				t.Errorf("%s on %s finds nothing to judge", c.ID, s.Scenario)
			}
		}
		if judgedOn < 3 {
			t.Errorf("%d checks are judged on %s", judgedOn, s.Scenario)
		}
	}
}

// What goes wrong with one of several pods is found, and named.
func TestOneOfSeveralRemovedPods(t *testing.T) {
	for _, c := range []struct {
		check  string
		s      *rt.Recording
		change func(s *rt.Recording)
		want   []want
	}{
		{"recovery/exit-clean", rt.AllPods(3), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(1)(e) && e.Pod.Gone }, func(e *recording.Event) { e.Pod.Containers[0].ExitCode = 137 })
		}, []want{{pod(1), check.Fail, "killed", []string{rt.Name(1)}}}},
		{"recovery/full-again", rt.AllPods(3), func(s *rt.Recording) {
			s.Change(isNodes(4, 0), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(5)) })
		}, []want{{pair(4, 5), check.Fail, "not-in-view", []string{rt.Node(5)}}}},
		{"recovery/stale-name-gone", rt.AllPods(3), func(s *rt.Recording) {
			s.Change(isNodes(3, 0), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(2)) })
		}, []want{{pod(3), check.Unseen, "", []string{rt.Node(2) + " in the view of " + rt.Node(3)}}}},
		{"recovery/stale-name-gone", rt.Scaled(3), func(s *rt.Recording) {
			s.Change(isNodes(0, 0), func(e *recording.Event) {
				if e.T > rt.ScaledDown {
					e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(4))
				}
			})
		}, []want{{pod(0), check.Unseen, "", []string{rt.Node(4)}}}},
		{"recovery/pod-delete", as(recording.EvictPod, "node-drain"), func(s *rt.Recording) {
			s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3)) })
		}, []want{{pair(1, 3), check.Fail, "replacement-alone", []string{"after the eviction of " + rt.Name(0)}}}},
	} {
		c.change(c.s)
		all := rules.All()
		i := slices.IndexFunc(all, func(x check.Check) bool { return x.ID == c.check })
		t.Run(c.check+" on "+string(c.s.Scenario), func(t *testing.T) { judged(t, all[i].Judge(fold(t, c.s)), c.want) })
	}
}

// A node of the cluster is lost, and with it pod 0: nobody sees its end, and after a while it is reported as not Ready and is deleted.
func lost(s *rt.Recording) {
	s.Scenario = "node-stop"
	s.Change(isAct, func(e *recording.Event) { e.Act.Do = recording.CutNode })
	s.Drop(func(e recording.Event) bool {
		return e.Process != nil && e.Process.Exited || isPod(0)(e) && e.T > rt.Deleted || isNodes(0, rt.Deleted)(e)
	})
	var away recording.Pod
	for _, e := range s.Events {
		if isPod(0)(e) {
			away = *e.Pod
		}
	}
	away.Ready, away.Deleting = false, true
	s.Add(recording.Event{T: rt.Deleted + 500*time.Millisecond, By: "kube", Pod: &away})
}

func TestPodsThatAreLostWithTheirNode(t *testing.T) {
	checks := rules.All()
	judge := func(id string, s *rt.Recording) []check.Finding {
		return checks[slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == id })].Judge(fold(t, s))
	}
	s := rt.Recovery(3)
	lost(s)
	for _, id := range []string{"recovery/pod-delete", "recovery/full-again"} {
		judged(t, judge(id, s), nil)
	}
	if ok, lacks := fold(t, s).WithoutNode(); !ok {
		t.Errorf("a mesh that goes on without it lacks %s", lacks)
	}
	// A pod of a StatefulSet is not replaced, and that is not the fault of the application.
	s = rt.Recovery(3)
	lost(s)
	s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) { e.Pod.Owner = "StatefulSet/derl" })
	edit(s, func(p *profile.Resolved) { p.Workloads[0].Kind = "StatefulSet" })
	s.Drop(func(e recording.Event) bool { return isPod(3)(e) || isNodes(3, 0)(e) })
	for i := 1; i < 3; i++ {
		s.Change(isNodes(i, rt.Exited), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(3)) })
	}
	judged(t, judge("recovery/pod-delete", s), []want{{pod(0), check.NotApplicable, "", []string{"does not replace a pod of a StatefulSet"}}})
	judged(t, judge("recovery/full-again", s), nil)
	if ok, lacks := fold(t, s).WithoutNode(); !ok {
		t.Errorf("two of three nodes of a StatefulSet lack %s", lacks)
	}
	for i := 1; i < 3; i++ {
		s.Change(isNodes(i, 0), func(e *recording.Event) { e.Nodes.Visible = append(without(e.Nodes.Visible, rt.Node(0)), rt.Node(0)) })
	}
	if ok, _ := fold(t, s).WithoutNode(); ok {
		t.Error("they still see the lost node, and are said to go on without it")
	}
}

// The nodes that are left notice in the time of their ticks that one is lost.
func TestTheLossOfANodeIsNoticed(t *testing.T) {
	checks := rules.All()
	detected := checks[slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == "recovery/partition-detected" })]
	ticking := func() *rt.Recording {
		s := rt.Recovery(3)
		lost(s)
		s.Change(func(e recording.Event) bool { return e.Kernel != nil }, func(e *recording.Event) { e.Kernel.TickTime = time.Second })
		return s
	}
	judged(t, detected.Judge(fold(t, ticking())), nil)
	s := ticking()
	s.Change(isNodes(1, rt.Deleted), func(e *recording.Event) { e.Nodes.Visible = append(without(e.Nodes.Visible, rt.Node(0)), rt.Node(0)) })
	judged(t, detected.Judge(fold(t, s)), []want{{pair(1, 0), check.Fail, "not-noticed", []string{rt.Node(1) + " still had " + rt.Node(0)}}})
	s = rt.Recovery(1)
	lost(s)
	judged(t, detected.Judge(fold(t, s)), []want{{whole, check.NotApplicable, "", []string{"fewer than 1 other nodes"}}})
}

// The pods of a StatefulSet come back under their names, on other nodes: what the agent of the node before does not see any more is of
// no interest.
func TestTheAgentOfThePodBeforeIsNotNeeded(t *testing.T) {
	checks := rules.All()
	full := checks[slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == "recovery/full-again" })]
	for _, gone := range []bool{true, false} {
		s := rt.AllPods(3)
		for i := range 3 {
			s.Change(isPod(i), func(e *recording.Event) {
				e.Pod.Node = "before"
				e.Pod.Gone = e.Pod.Gone && gone
			})
			s.Change(isPod(3+i), func(e *recording.Event) { e.Pod.Name = rt.Name(i) })
		}
		s.Add(recording.Event{T: rt.Exited + time.Second, By: recording.ByAgent("before"), Gap: &recording.Gap{From: rt.Exited + time.Second, Why: "the agent sends nothing"}})
		for _, f := range full.Judge(fold(t, s)) {
			if (f.Outcome == check.Pass) != gone {
				t.Errorf("the pods before are gone: %v, %s: %s %s", gone, f.Subject, f.Outcome, f.Message)
			}
		}
	}
}
