package probe

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/recording"
)

// Where an agent has other workloads to look at, it looks at this one less often, and says so; when they have ended, as often as before.
func TestSessionsShareTheBudget(t *testing.T) {
	_, pid := netnstest.New(t)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(planOf(4369, 9100))
	sockets := func(atLeast, atMost time.Duration) func(recording.Event) bool {
		return func(e recording.Event) bool {
			return e.Pace != nil && e.Pace.Sockets >= atLeast && e.Pace.Sockets <= atMost
		}
	}
	looks := func(over time.Duration) (n int) {
		from := s.now()
		time.Sleep(over)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.events[from:] {
			if e.Sockets != nil {
				n++
			}
		}
		return n
	}
	s.await(t, "the pace of a pod alone", 0, sockets(agent.EveryView, agent.EveryView))
	mark := s.now()
	for n := range 40 {
		o.budget.Share(n, agent.Plan{Pods: make([]agent.Pod, 50)}, 50)
	}
	s.await(t, "a slower pace beside forty large workloads", mark, sockets(2*time.Second, time.Minute))
	if n := looks(4 * time.Second); n > 3 {
		t.Errorf("%d looks in 4 s beside forty large workloads", n)
	}
	mark = s.now()
	for n := range 40 {
		o.budget.Leave(n)
	}
	s.await(t, "the pace of a pod alone again", mark, sockets(agent.EveryView, agent.EveryView))
	time.Sleep(3 * time.Second) // a look that is waited for already comes when it was due
	if n := looks(2 * time.Second); n < 5 {
		t.Errorf("%d looks in 2 s when they have ended", n)
	}
}

// The observer of a session that has ended has no part of the budget any more.
func TestAnEndedSessionLeavesTheBudget(t *testing.T) {
	_, pid := netnstest.New(t)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, end := observe(t, tree.root)
	plan := planOf(4369, 9100)
	plan.Every.View = 20 * time.Millisecond
	o.SetPlan(plan)
	s.await(t, "its pace", 0, func(e recording.Event) bool { return e.Pace != nil })
	two := func() time.Duration {
		o.budget.Share("b", plan, 1)
		return o.budget.Share("a", plan, 1).View
	}
	if got := two(); got <= plan.Every.View {
		t.Errorf("three that want fifty views a second: every %s", got)
	}
	end()
	if got := two(); got != plan.Every.View {
		t.Errorf("two that want fifty views a second: every %s", got)
	}
}
