package observe

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/recording"
)

func agentPod(name, node string, phase corev1.PodPhase) *corev1.Pod {
	return pod(name, func(p *corev1.Pod) {
		p.Namespace, p.Labels = "sys", map[string]string{agentclient.Label: agentclient.Name}
		p.Spec.NodeName, p.Status.Phase = node, phase
	})
}

func saw(n int) recording.Event {
	return recording.Event{Nodes: &recording.Nodes{Pod: "a", Visible: []string{strings.Repeat("n", n)}}}
}

func isSaw(n int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Nodes != nil && len(e.Nodes.Visible[0]) == n }
}

func agentGap(e recording.Event) bool { return e.Gap != nil && e.By == "agent/n1" }

// behind is a clock that lags ours by d.
func behind(o *Observer, d time.Duration) func() int64 {
	return func() int64 { return int64(o.Now() - d) }
}

func TestAgentIsFollowed(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	const lag = 3 * time.Hour
	x := h.start(t, "agent-1", "n1", behind(o, lag))
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodPending))
	a.put("MODIFIED", agentPod("agent-1", "n1", corev1.PodRunning))
	s.wait("its start", func(e recording.Event) bool {
		return e.Start != nil && e.By == "agent/n1" && e.Start.Node == "n1" && len(e.Start.Can) == 1
	})
	clock := s.wait("its clock", func(e recording.Event) bool { return e.Clock != nil }).Clock
	if (clock.Offset - lag).Abs() > clock.Bound+10*time.Millisecond {
		t.Errorf("clock %+v, it lags by %s", clock, lag)
	}
	at := o.Now()
	x.ring.Add(saw(1), x.boot())
	if e := s.wait("its line", isSaw(1)); (e.T-at).Abs() > clock.Bound+20*time.Millisecond || e.By != "agent/n1" {
		t.Errorf("what was seen at %s is recorded at %s by %s", at, e.T, e.By)
	}
	// What it saw before our time is not ours.
	x.ring.Add(saw(2), int64(-lag-time.Minute))
	x.ring.Add(saw(3), x.boot())
	s.wait("its line", isSaw(3))
	if n := s.count(isSaw(2)); n > 0 {
		t.Error("an observation from before the start was recorded")
	}

	// Of two pods with an address one is the workload's.
	a.put("ADDED", pod("foreign", func(p *corev1.Pod) {
		placed("n1", "10.0.0.2")(p)
		p.Labels = map[string]string{agentclient.Label: agentclient.Name}
	}))
	a.put("ADDED", pod("a", placed("n1", "10.0.0.1")))
	s.wait("both", isPod("a", nil))
	o.SetCookie([]byte("c"))
	late := time.After(5 * time.Second)
	for {
		select {
		case p := <-x.plans:
			if len(p.Pods) > 0 {
				if len(p.Pods) > 1 || p.Pods[0].IP != "10.0.0.1" || string(p.Cookie) != "c" || !p.Control || p.DNSName == "" {
					t.Errorf("plan %+v", p)
				}
				return
			}
		case <-late:
			t.Fatal("no plan with the pod in 5 s")
		}
	}
}

func TestLostStreamIsNoGap(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
	x.ring.Add(saw(1), x.boot())
	s.wait("a line", isSaw(1))
	for i := 2; i < 6; i++ {
		x.srv.CloseClientConnections()
		x.ring.Add(saw(i), x.boot())
		s.wait("the next line", isSaw(i))
	}
	for i := 1; i < 6; i++ {
		if n := s.count(isSaw(i)); n != 1 {
			t.Errorf("line %d was recorded %d times", i, n)
		}
	}
	if n := s.count(agentGap); n > 0 {
		t.Errorf("%d gaps though the agent held all lines: %s", n, s.text())
	}
}

func TestAgentStartedAnewIsAGap(t *testing.T) {
	for name, next := range map[string]string{"the same pod": "agent-1", "another pod": "agent-2"} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			o, s, h := observed(t, a)
			begin(t, o)
			x := h.start(t, "agent-1", "n1", behind(o, 0))
			a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
			x.ring.Add(saw(1), x.boot())
			last := s.wait("a line", isSaw(1)).T
			x.stop()
			if next != "agent-1" {
				a.put("DELETED", agentPod("agent-1", "n1", corev1.PodRunning))
			}
			time.Sleep(50 * time.Millisecond)
			y := h.start(t, next, "n1", behind(o, 0))
			a.put("ADDED", agentPod(next, "n1", corev1.PodRunning))
			y.ring.Add(saw(2), y.boot())
			first := s.wait("a line of the new one", isSaw(2)).T
			gap := s.wait("the gap", func(e recording.Event) bool { return agentGap(e) && !strings.Contains(e.Gap.Why, "at the end") }).Gap
			if (gap.From-last).Abs() > 5*time.Millisecond || (gap.To-first).Abs() > 5*time.Millisecond {
				t.Errorf("gap %+v; the last line before is of %s, the first after of %s", gap, last, first)
			}
		})
	}
}

func TestOverrunIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	for range 20010 {
		x.ring.Add(recording.Event{Beat: &recording.Beat{}}, x.boot())
	}
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
	if gap := s.wait("the gap", agentGap).Gap; !strings.Contains(gap.Why, "10 lines") {
		t.Errorf("gap %+v", gap)
	}
}

func TestNodeWithoutAgentIsTold(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	missing := func(e recording.Event) bool {
		return e.ObserverError != nil && strings.Contains(e.ObserverError.What, "no agent reports from node n1")
	}
	a.put("ADDED", pod("a", placed("n1", "10.0.0.1")))
	e := s.wait("that no agent is there", missing)
	if e.By != "agent/n1" || !strings.Contains(e.ObserverError.What, "there is no agent pod") {
		t.Errorf("observer error %+v by %s", e.ObserverError, e.By)
	}
	p := agentPod("agent-1", "n1", corev1.PodPending)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImageNeverPull"}}}}
	a.put("ADDED", p)
	s.wait("why", func(e recording.Event) bool {
		return missing(e) && strings.Contains(e.ObserverError.What, "agent-1 is Pending, ErrImageNeverPull")
	})
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	a.put("MODIFIED", agentPod("agent-1", "n1", corev1.PodRunning))
	x.ring.Add(saw(1), x.boot())
	s.wait("its line", isSaw(1))
	n := s.count(missing)
	time.Sleep(500 * time.Millisecond)
	if now := s.count(missing); now != n {
		t.Errorf("an agent that reports is said to be missing: %s", s.text())
	}
}

func TestDeadAgentAtTheEndIsAGap(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
	x.ring.Add(saw(1), x.boot())
	last := s.wait("a line", isSaw(1)).T
	x.stop()
	s.wait("the trouble", func(e recording.Event) bool {
		return e.ObserverError != nil && strings.Contains(e.ObserverError.What, "agent-1")
	})
	time.Sleep(100 * time.Millisecond)
	o.Stop()
	gap := s.wait("the gap", agentGap).Gap
	if gap.From > last+80*time.Millisecond || gap.To < gap.From+100*time.Millisecond {
		t.Errorf("gap %+v after the last line at %s", gap, last)
	}
	if n := s.count(func(e recording.Event) bool { return e.ObserverError != nil }); n > 4 {
		t.Errorf("the same trouble was told %d times: %s", n, s.text())
	}
}

// An agent from which nothing comes for long is told to be blind while that lasts. It was not, where it kept what it saw.
func TestSilentAgentIsAGapWhileItLasts(t *testing.T) {
	for name, lost := range map[string]bool{"and had kept its lines": false, "and was started anew": true} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			o, s, h := observed(t, a)
			begin(t, o)
			x := h.start(t, "agent-1", "n1", behind(o, 0))
			a.put("ADDED", pod("a", placed("n1", "10.0.0.1")))
			a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
			x.ring.Add(saw(1), x.boot())
			last := s.wait("a line", isSaw(1)).T
			if lost {
				x.stop()
			}
			open := s.wait("that nothing comes", func(e recording.Event) bool { return agentGap(e) && e.Gap.To == 0 }).Gap
			if (open.From - last).Abs() > 5*time.Millisecond {
				t.Errorf("gap %+v; the last line is of %s", open, last)
			}
			if lost {
				x = h.start(t, "agent-1", "n1", behind(o, 0))
			}
			x.ring.Add(saw(2), x.boot())
			next := s.wait("the next line", isSaw(2)).T
			gap := s.wait("the end of the gap", func(e recording.Event) bool { return agentGap(e) && e.Gap.To != 0 }).Gap
			want := gap.From
			if lost {
				want = next
			}
			if gap.From != open.From || (gap.To-want).Abs() > 5*time.Millisecond {
				t.Errorf("gap %+v after %+v; the next line is of %s", gap, open, next)
			}
		})
	}
}

// An agent that goes for good leaves a gap to the end, though its stream was never broken.
func TestAgentThatIsRemovedLeavesAGap(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	begin(t, o)
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
	x.ring.Add(saw(1), x.boot())
	last := s.wait("a line", isSaw(1)).T
	a.put("DELETED", agentPod("agent-1", "n1", corev1.PodRunning))
	time.Sleep(200 * time.Millisecond)
	o.Stop()
	gap := s.wait("the gap", agentGap).Gap
	if (gap.From-last).Abs() > 5*time.Millisecond || gap.To < last+200*time.Millisecond || !strings.Contains(gap.Why, "was removed") {
		t.Errorf("gap %+v after the last line at %s", gap, last)
	}
}

func TestCookieNeverComesOut(t *testing.T) {
	a := newAPI(t)
	o, s, h := observed(t, a)
	o.SetCookie([]byte("SECRETCOOKIE"))
	begin(t, o)
	x := h.start(t, "agent-1", "n1", behind(o, 0))
	a.put("ADDED", agentPod("agent-1", "n1", corev1.PodRunning))
	a.put("ADDED", pod("a", placed("n1", "not an address"))) // the agent refuses such a plan
	s.wait("the refusal", func(e recording.Event) bool {
		return e.ObserverError != nil && strings.Contains(e.ObserverError.What, "sending the plan")
	})
	x.ring.Add(saw(1), x.boot())
	s.wait("a line", isSaw(1))
	if text := s.text(); strings.Contains(text, "SECRETCOOKIE") || strings.Contains(text, "U0VDUkVUQ09PS0lF") {
		t.Errorf("the cookie is in %s", text)
	}
}
