package fault

import (
	"errors"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
)

func healed(rules ...agent.Rule) agent.Faults { return agent.Faults{Holder: "h", Healed: rules} }

// A rule is gone when the kernel says so, and not because a request was answered.
func TestAHealedRuleIsGoneWhenTheKernelSaysSo(t *testing.T) {
	n := newNetwork(t)
	in := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}
	dns := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropDNS}
	n.set(faultsOf(in, dns))
	both := n.set(agent.Faults{Holder: "h", Rules: []agent.Rule{in}, Healed: []agent.Rule{dns}})
	if len(both) != 2 || both[0].Rule != in || both[0].Since == 0 || both[1].Rule != dns || !both[1].Gone || n.reachable() != "2345" {
		t.Errorf("one of two: %+v, reachable %q", both, n.reachable())
	}
	// The table cannot be removed: the answer says that it is still there.
	good := n.keeper.targets[podUID].ns
	n.keeper.targets[podUID].ns = closed(t)
	if s := n.set(healed(in)); s[0].Gone || s[0].Since == 0 || !strings.HasPrefix(s[0].Message, "still in place: ") || n.reachable() != "2345" {
		t.Errorf("it could not be removed: %+v", s)
	}
	n.keeper.targets[podUID].ns = good
	if s := n.set(healed(in)); !s[0].Gone || n.reachable() != "12345" || len(n.keeper.targets) != 0 {
		t.Errorf("asked again: %+v", s)
	}
	// What another holder wants is not gone.
	n.keeper.Set(t.Context(), agent.Faults{Holder: "other", Rules: []agent.Rule{in}})
	if s := n.set(healed(in)); s[0].Gone || s[0].Since == 0 || !strings.Contains(s[0].Message, "another holder") {
		t.Errorf("of two holders: %+v", s)
	}
}

// An agent that was started anew knows no rule of the one before it, which may be in place all the same.
func TestARestartedAgentRemovesWhatTheOneBeforeItLeft(t *testing.T) {
	n := newNetwork(t)
	in := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}
	if err := replaceTable(n.pod, tableName(1, 1), []held{{lease: 1, left: time.Minute, rules: []agent.Rule{in}}}); err != nil {
		t.Fatal(err)
	}
	find := n.keeper.find
	n.keeper.find = func(string) (int, error) { return 0, errors.New("no process of the pod is running on this node") }
	if s := n.set(healed(in)); len(s) != 1 || s[0].Gone || s[0].Since != 0 || !strings.Contains(s[0].Message, "no process") || n.reachable() != "2345" {
		t.Errorf("nobody has looked into the pod: %+v, reachable %q", s, n.reachable())
	}
	n.keeper.find = find
	if s := n.set(healed(in)); !s[0].Gone || n.reachable() != "12345" {
		t.Errorf("%+v, reachable %q", s, n.reachable())
	}
}

// closed is a namespace that cannot be entered any more.
func closed(t *testing.T) *netns.Handle {
	t.Helper()
	h, _ := netnstest.New(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}
