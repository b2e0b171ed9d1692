package injection

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// What scenarios and the recording call a fault is what the agent calls its rule, but for a blip.
func TestFaultsHaveTheNamesOfTheirRules(t *testing.T) {
	for fault, rule := range map[string]string{
		recording.FaultCut: agent.Cut, recording.FaultCutOut: agent.CutOut, recording.FaultReset: agent.Reset, recording.FaultDropLarge: agent.DropLarge,
		recording.FaultDropDNS: agent.DropDNS, recording.FaultSlowDNS: agent.SlowDNS,
	} {
		if fault != rule {
			t.Errorf("%s is %s in the agent", fault, rule)
		}
	}
	if profile.Blip != recording.FaultBlip || profile.Reset != recording.FaultReset {
		t.Errorf("a mutant calls them %s and %s", profile.Blip, profile.Reset)
	}
}

// The rule of a fault between two pods has the peer's address and its distribution port, which is dialled to see whether it bites.
func TestTheRuleOfAFaultNamesThePeer(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{})
	var p, q *view.Pod
	s.Recorder.Ask(func(v *view.View) { p, q = v.Pods()[0], v.Pods()[1] })
	r, err := ruleOf(scenario.Fault{Do: recording.FaultBlip, Pod: p, Peer: q, For: time.Second})
	want := agent.Rule{Pod: rt.UID(0), IP: rt.IP(0), Do: agent.Cut, Port: rt.DistPort, Peer: rt.IP(1), For: time.Second}
	if err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = ruleOf(scenario.Fault{Do: recording.FaultDropDNS, Pod: p}); err != nil || r != (agent.Rule{Pod: rt.UID(0), IP: rt.IP(0), Do: agent.DropDNS}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// Where no agent can be asked the scenario is void, and the error says so.
func TestAFaultThatNobodyCanPutInPlaceIsSaid(t *testing.T) {
	s, _ := staged(t, profile.MutantSpec{})
	s.faults = fault.New("ns", func(context.Context, string) (fault.Agent, error) { return nil, errors.New("no agent is there") }, s.Recorder.Sink)
	var p, q *view.Pod
	s.Recorder.Ask(func(v *view.View) { p, q = v.Pods()[0], v.Pods()[1] })
	err := s.Inject(t.Context(), scenario.Fault{Do: recording.FaultCut, Pod: p, Peer: q})
	void := ""
	s.Recorder.Ask(func(v *view.View) { void = v.Void() })
	if err == nil || !strings.Contains(void, "could not be put in place") {
		t.Errorf("%v, void %q", err, void)
	}
}
