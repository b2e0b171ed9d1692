package fault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// answers is an agent that answers as it is told.
type answers struct {
	asked  []agent.Faults
	answer func(f agent.Faults) ([]agent.RuleStatus, error)
}

func (a *answers) SetFaults(_ context.Context, f agent.Faults) ([]agent.RuleStatus, error) {
	a.asked = append(a.asked, f)
	return a.answer(f)
}

// with is an injector whose only agent is that one, and the acts that it records.
func with(a *answers) (*Injector, *[]recording.Event) {
	var acts []recording.Event
	i := New("ns", func(context.Context, string) (Agent, error) { return a, nil }, func(e recording.Event) {
		if e.Act != nil {
			acts = append(acts, e)
		}
	})
	i.again = time.Millisecond
	return i, &acts
}

var blip = agent.Rule{Pod: "a", IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 10000, For: 5 * time.Millisecond} //nolint:gochecknoglobals // of tests

// A fault that ends by itself has two acts, with the times and the duration that the agent has measured. Faults that last are kept.
func TestABriefFaultIsRecordedWhenItIsOver(t *testing.T) {
	a := &answers{answer: func(f agent.Faults) (all []agent.RuleStatus, err error) {
		for _, r := range f.Rules {
			all = append(all, agent.RuleStatus{Rule: r, Since: 7, Effective: true})
		}
		for _, r := range f.Brief {
			all = append(all, agent.RuleStatus{Rule: r, Since: 9, Gone: true, Effective: true, Lasted: 6 * time.Millisecond, Age: time.Second, Counts: agent.Counts{Known: true, Met: 2, OfLinks: 1, Links: "l"}, Message: "in place for 6ms"})
		}
		return all, nil
	}}
	i, acts := with(a)
	if err := i.Inject(t.Context(), "n1", rule("b")); err != nil {
		t.Fatal(err)
	}
	if err := i.Brief(t.Context(), "n1", blip); err != nil {
		t.Fatal(err)
	}
	if last := a.asked[1]; len(last.Rules) != 1 || len(last.Brief) != 1 {
		t.Errorf("asked for %+v", last)
	}
	in, out := (*acts)[1], (*acts)[2]
	if in.Act.Do != Inject || in.Act.Fault != recording.FaultBlip || in.Act.Peer != blip.Peer || in.T != -1006*time.Millisecond {
		t.Errorf("%+v of %+v", in, in.Act)
	}
	if out.Act.Do != Heal || out.Act.For != 6*time.Millisecond || out.T != -time.Second || !strings.Contains(out.Act.Detail, "it met 2 packets, 1 of the open link l") {
		t.Errorf("%+v of %+v", out, out.Act)
	}
	if n := i.node("n1"); len(n.healing) != 0 || len(*acts) != 3 {
		t.Errorf("to be healed: %+v, acts %d", n.healing, len(*acts))
	}
}

// Where the answer is lost, or says that nothing was met, the scenario is void; what may still be there is healed.
func TestABriefFaultOfWhichNothingIsKnownMakesTheScenarioVoid(t *testing.T) {
	for says, answer := range map[string]func(agent.Faults) ([]agent.RuleStatus, error){
		"the forward ended": func(agent.Faults) ([]agent.RuleStatus, error) { return nil, errors.New("the forward ended") },
		"does not bite": func(f agent.Faults) ([]agent.RuleStatus, error) {
			return []agent.RuleStatus{{Rule: f.Brief[0], Gone: true, Counts: agent.Counts{Known: true}}}, nil
		},
		"answers to": func(agent.Faults) ([]agent.RuleStatus, error) { return nil, nil },
		"nftables": func(f agent.Faults) ([]agent.RuleStatus, error) {
			return []agent.RuleStatus{{Rule: f.Brief[0], Message: "nftables: busy"}}, nil
		},
	} {
		a := &answers{answer: answer}
		i, acts := with(a)
		_ = i.Brief(t.Context(), "n1", blip)
		if len(*acts) != 1 || (*acts)[0].Act.Do != Void || !strings.Contains((*acts)[0].Act.Detail, says) {
			t.Errorf("%s: %+v", says, *acts)
		}
		if n := i.node("n1"); (len(n.healing) == 0) != (says == "does not bite") {
			t.Errorf("%s: to be healed: %+v", says, n.healing)
		}
		a.answer = func(f agent.Faults) ([]agent.RuleStatus, error) {
			return []agent.RuleStatus{{Rule: f.Healed[0], Gone: true}}, nil
		}
		if says != "does not bite" {
			if err := i.Heal(t.Context()); err != nil || len(i.node("n1").healing) > 0 {
				t.Errorf("%s: %v", says, err)
			}
		}
	}
}

// A rule that has met no packet of the link that was open has only kept new connections from being made: the link was never cut.
func TestAFaultThatLeavesTheOpenLinkAloneDoesNotBite(t *testing.T) {
	cut := blip
	cut.For = 0
	for _, c := range []struct {
		counts agent.Counts
		void   bool
	}{
		{agent.Counts{Known: true, Met: 9, OfLinks: 4, Links: "l"}, false},
		{agent.Counts{Known: true, Met: 9, Links: "l"}, true},
		{agent.Counts{Known: true, Met: 9}, false}, // there was no link
		{agent.Counts{}, false},                    // the agent was started anew, and does not know
	} {
		a := &answers{answer: func(f agent.Faults) (all []agent.RuleStatus, err error) {
			for _, r := range f.Rules {
				all = append(all, agent.RuleStatus{Rule: r, Since: 7, Effective: true, Age: 2 * time.Second})
			}
			for _, r := range f.Healed {
				all = append(all, agent.RuleStatus{Rule: r, Gone: true, Since: 8, Age: time.Second, Counts: c.counts, Message: "removed; a dial: accepted"})
			}
			return all, nil
		}}
		i, acts := with(a)
		if err := errors.Join(i.Inject(t.Context(), "n1", cut), i.Heal(t.Context())); err != nil {
			t.Fatal(err)
		}
		void := (*acts)[1].Act.Do == Void
		heal := (*acts)[len(*acts)-1]
		if void != c.void || heal.Act.Do != Heal || heal.T != -time.Second || (*acts)[0].T != -2*time.Second {
			t.Errorf("%+v: %+v", c.counts, *acts)
		}
		if void && !strings.Contains((*acts)[1].Act.Detail, "only new connections were stopped") {
			t.Errorf("%+v", (*acts)[1].Act)
		}
	}
}
