package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// fake is an agent whose rules bite as it is told.
type fake struct {
	wants     []agent.Rule
	since     int64
	toothless bool
	down      error
	fails     int  // this many requests are not carried out
	deaf      int  // the answers to this many requests are lost; they are carried out
	mixed     int  // this many answers are about another rule
	stuck     int  // this many times a rule cannot be removed
	blind     bool // it cannot look into any pod
	asked     int
	each      func() // called for each request
}

func (f *fake) SetFaults(_ context.Context, w agent.Faults) ([]agent.RuleStatus, error) {
	if f.asked++; f.each != nil {
		f.each()
	}
	if f.down != nil {
		return nil, f.down
	}
	if f.fails > 0 {
		f.fails--
		return nil, errors.New("the connection is refused")
	}
	f.wants = w.Rules
	var all []agent.RuleStatus
	for _, r := range w.Rules {
		all = append(all, agent.RuleStatus{Rule: r, Since: f.since, Effective: !f.toothless, Message: "before: refused; after: nothing"})
	}
	for _, r := range w.Healed {
		s := agent.RuleStatus{Rule: r, Gone: true, Message: "removed"}
		if f.stuck > 0 {
			s = agent.RuleStatus{Rule: r, Since: f.since, Message: "still in place: nftables: device busy"}
		}
		if f.blind {
			s = agent.RuleStatus{Rule: r, Message: "no process of the pod is running on this node"}
		}
		all = append(all, s)
	}
	f.stuck = max(0, f.stuck-min(1, len(w.Healed)))
	if f.deaf > 0 {
		f.deaf--
		return nil, errors.New("the forward ended")
	}
	if f.mixed > 0 && len(all) > 0 {
		f.mixed--
		all[0].Rule.Pod = "another"
	}
	return all, nil
}

type scene struct {
	mu     sync.Mutex // nodes are healed at the same time
	agents map[string]*fake
	acts   []string
	faults []string
	now    time.Time
	i      *Injector
}

func newScene() *scene {
	s := &scene{agents: map[string]*fake{"n1": {since: 7}, "n2": {since: 7}}, now: time.Now()}
	s.i = New("ns", func(_ context.Context, node string) (Agent, error) {
		if a := s.agents[node]; a != nil {
			return a, nil
		}
		return nil, errors.New("no agent is there")
	}, func(e recording.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.Act != nil {
			s.acts = append(s.acts, e.Act.Do+" "+e.Act.Pod)
		}
		if e.ObserverError != nil {
			s.faults = append(s.faults, e.ObserverError.What)
		}
	})
	s.i.now = func() time.Time { return s.now }
	s.i.again = time.Millisecond
	return s
}

func rule(pod string) agent.Rule { return agent.Rule{Pod: pod, IP: "10.0.0.1", Do: agent.DropDNS} }

func (s *scene) said(t *testing.T, acts []string, fault string) {
	t.Helper()
	if !slices.Equal(s.acts, acts) {
		t.Errorf("acts %q, want %q", s.acts, acts)
	}
	if all := strings.Join(s.faults, "|"); (fault == "") != (all == "") || !strings.Contains(all, fault) {
		t.Errorf("faults %q, want %q", all, fault)
	}
	s.acts, s.faults = nil, nil
}

func TestFaultsAreKeptUntilTheyAreHealed(t *testing.T) {
	s, ctx := newScene(), context.Background()
	for node, pod := range map[string]string{"n1": "a"} {
		if err := s.i.Inject(ctx, node, rule(pod)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.i.Inject(ctx, "n1", rule("b")); err != nil || len(s.agents["n1"].wants) != 2 {
		t.Errorf("%v, wanted are %v", err, s.agents["n1"].wants)
	}
	if err := s.i.Inject(ctx, "n2", rule("c")); err != nil {
		t.Fatal(err)
	}
	s.said(t, []string{"inject a", "inject b", "inject c"}, "")
	s.i.renew(ctx, "n1")
	s.said(t, nil, "")
	if err := s.i.Heal(ctx); err != nil || len(s.agents["n1"].wants)+len(s.agents["n2"].wants) != 0 {
		t.Errorf("%v, still wanted: %v", err, s.agents)
	}
	slices.Sort(s.acts) // of several nodes in any order
	s.said(t, []string{"heal a", "heal b", "heal c"}, "")
	s.i.renew(ctx, "n1")
	s.said(t, nil, "")
}

func TestAFaultThatDoesNotBiteMakesTheScenarioVoid(t *testing.T) {
	s, ctx := newScene(), context.Background()
	s.agents["n1"].toothless = true
	if err := s.i.Inject(ctx, "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.said(t, []string{"void a"}, "does not bite: before: refused")
	if err := s.i.Inject(ctx, "n9", rule("a")); err == nil || !strings.Contains(err.Error(), "n9: no agent is there") {
		t.Errorf("%v", err)
	}
	s.said(t, []string{"void a"}, "could not be put in place")
}

func TestALostLeaseMakesTheScenarioVoid(t *testing.T) {
	s, ctx := newScene(), context.Background()
	if err := s.i.Inject(ctx, "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.acts = nil
	a := s.agents["n1"]
	// One renewal that fails is no harm, and told once when it is.
	a.down = errors.New("the forward ended")
	s.now = s.now.Add(4 * time.Second)
	s.i.renew(ctx, "n1")
	s.said(t, nil, "")
	s.now = s.now.Add(agent.Lease)
	s.i.renew(ctx, "n1")
	s.i.renew(ctx, "n1")
	s.said(t, []string{"void "}, "could not be renewed for 19 s: the forward ended")
	// An agent that was started anew has put it in place at another moment.
	a.down, a.since = nil, 99
	s.i.renew(ctx, "n1")
	s.said(t, []string{"void a"}, "was lifted")
	s.i.renew(ctx, "n1")
	s.said(t, nil, "")
	a.down = errors.New("gone")
	healing, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := s.i.Heal(healing); err == nil {
		t.Error("what could not be healed is no error")
	}
}

func TestRunRenews(t *testing.T) {
	s := newScene()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.i.Inject(ctx, "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.i.every = time.Millisecond
	told := make(chan bool, 100)
	s.i.agent = func(context.Context, string) (Agent, error) { told <- true; return s.agents["n1"], nil }
	done := make(chan bool)
	go func() { s.i.Run(ctx); close(done) }()
	for range 3 {
		<-told
	}
	cancel()
	for range 100 {
		select {
		case <-done:
			return
		case <-told:
		}
	}
	t.Error("it goes on after the end")
}
