package fault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
)

// healed injects a fault into a pod, breaks its agent and heals.
func (s *scene) healed(t *testing.T, broken func(a *fake)) error {
	t.Helper()
	if err := s.i.Inject(t.Context(), "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.acts = nil
	broken(s.agents["n1"])
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return s.i.Heal(ctx)
}

// A heal is one when the agent has confirmed it. Until then it is tried again, and what is recorded meanwhile proves nothing.
func TestAHealIsTriedUntilItIsConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		broken func(a *fake)
		says   string
	}{
		"the agent fails three times":  {func(a *fake) { a.fails = 3 }, "could not be healed yet and may still be in place: the connection is refused"},
		"its answers are lost":         {func(a *fake) { a.deaf = 2 }, "the forward ended"},
		"it answers for another rule":  {func(a *fake) { a.mixed = 1 }, "about other rules"},
		"a rule could not be removed":  {func(a *fake) { a.stuck = 2 }, "still in place: nftables: device busy"},
		"it was started anew meantime": {func(a *fake) { a.fails, a.since = 1, 99 }, "refused"},
	} {
		s := newScene()
		if err := s.healed(t, c.broken); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.said(t, []string{"unhealed a", "heal a"}, c.says)
		asked := s.agents["n1"].asked
		if s.i.renew(t.Context(), "n1"); s.agents["n1"].asked != asked {
			t.Errorf("%s: it is asked again after it has confirmed", name)
		}
	}
}

// A pod is healed when all its rules are gone, and others do not wait for it.
func TestAPodIsHealedAsAWhole(t *testing.T) {
	s := newScene()
	second := rule("a")
	second.Do, second.Port = agent.DropIn, 4369
	if err := s.i.Inject(t.Context(), "n1", rule("a"), second); err != nil {
		t.Fatal(err)
	}
	if err := s.i.Inject(t.Context(), "n2", rule("b")); err != nil {
		t.Fatal(err)
	}
	s.acts = nil
	s.agents["n1"].stuck = 1
	if err := s.i.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(s.acts, ", ")
	if strings.Count(got, "heal a") != 2 || strings.Index(got, "heal a, heal a") < strings.LastIndex(got, "unhealed a") || strings.Count(got, "heal b") != 1 {
		t.Errorf("%q", got)
	}
}

// What cannot be confirmed has ended when its lease has, and only then; what is seen to be there has not.
func TestTheLeaseEndsWhatNobodyCanConfirm(t *testing.T) {
	for name, broken := range map[string]func(a *fake){
		"the agent is gone":             func(a *fake) { a.down = errors.New("no agent is there") },
		"it cannot look into the pod":   func(a *fake) { a.blind = true },
		"it always answers for another": func(a *fake) { a.mixed = 1000 },
	} {
		s := newScene()
		injected := s.now
		if err := s.healed(t, func(a *fake) {
			broken(a)
			a.each = func() { s.now = s.now.Add(time.Second) }
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.now.Sub(injected) <= agent.Lease {
			t.Errorf("%s: healed after %s", name, s.now.Sub(injected))
		}
		if got := strings.Join(s.acts, ", "); got != "unhealed a, heal a" {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := newScene()
	s.i.again = 10 * time.Millisecond
	if err := s.i.Inject(t.Context(), "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.agents["n1"].stuck, s.agents["n1"].each = 1000, func() { s.now = s.now.Add(time.Minute) }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.i.Heal(ctx); err == nil || !strings.Contains(err.Error(), "node n1: drop-dns of 10.0.0.1 may still be in place") {
		t.Errorf("a rule that is still there after an hour: %v", err)
	}
	s.said(t, []string{"inject a", "unhealed a"}, "device busy")
	// It is kept: the next one who asks heals it.
	s.agents["n1"].stuck = 0
	if err := s.i.Heal(t.Context()); err != nil {
		t.Error(err)
	}
	s.said(t, []string{"heal a"}, "")
}

// A fault that could not be put in place may be there all the same: the agent's answer was lost. It is healed, beside those that
// are wanted.
func TestWhatCouldNotBeInjectedIsHealed(t *testing.T) {
	s, ctx := newScene(), t.Context()
	if err := s.i.Inject(ctx, "n1", rule("a")); err != nil {
		t.Fatal(err)
	}
	s.agents["n2"].deaf = 1
	if err := s.i.Inject(ctx, "n2", rule("b")); err == nil || len(s.agents["n2"].wants) != 1 {
		t.Fatalf("%v, wanted %v", err, s.agents["n2"].wants)
	}
	s.said(t, []string{"inject a", "void b"}, "could not be put in place: the forward ended")
	for _, n := range s.i.names() {
		s.i.renew(ctx, n)
	}
	s.said(t, []string{"heal b"}, "")
	if len(s.agents["n1"].wants) != 1 || len(s.agents["n2"].wants) != 0 {
		t.Errorf("wanted are %v and %v", s.agents["n1"].wants, s.agents["n2"].wants)
	}
	// One that is wanted again is not healed.
	s.agents["n2"].deaf = 1
	if err := s.i.Inject(ctx, "n2", rule("b")); err == nil {
		t.Fatal("no error")
	}
	if err := s.i.Inject(ctx, "n2", rule("b")); err != nil {
		t.Fatal(err)
	}
	s.i.renew(ctx, "n2")
	s.said(t, []string{"void b", "inject b"}, "could not be put in place")
}
