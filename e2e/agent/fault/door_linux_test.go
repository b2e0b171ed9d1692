package fault

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/proc"
)

// A fault is put only where the pod of its rule has its address to itself. Everything else is refused, changes nothing, and
// says why.
func TestAFaultNeedsThePodsOwnNamespace(t *testing.T) {
	n := newNetwork(t)
	kinds := []agent.Rule{{Do: agent.DropIn, Port: port}, {Do: agent.DropOwn, Port: port}, {Do: agent.Cut, Port: port, Peer: peerIP}, {Do: agent.DropDNS}}
	refused := func(name, ip, why string) {
		t.Helper()
		for _, r := range kinds {
			r.Pod, r.IP = podUID, ip
			b := n.set(faultsOf(r))
			if b[0].Since != 0 || b[0].Effective || !strings.Contains(b[0].Message, why) {
				t.Errorf("%s, %s: %+v", name, r.Do, b)
			}
		}
		if left := tablesOf(t, n.pod); len(left) != 0 || len(n.keeper.targets) != 0 {
			t.Errorf("%s: tables %q, targets %v", name, left, n.keeper.targets)
		}
		n.set(faultsOf())
	}
	refused("the address of another pod", peerIP, "no address of the pod's network namespace")
	refused("an address of nobody", "10.99.1.77", "no address of the pod's network namespace")
	// The pod is in the namespace of process 1.
	root := t.TempDir()
	netnstest.Link(t, root, 1, n.podPID)
	netnstest.Link(t, root, n.podPID, n.podPID)
	find, lookup := n.keeper.find, n.keeper.lookup
	n.keeper = New(proc.FS(root), inPlan)
	n.keeper.find, n.keeper.lookup = find, lookup
	refused("hostNetwork", podIP, "hostNetwork")
}

// A rule that is refused does not lean on one that is in place in the same pod.
func TestEachRuleProvesItsAddress(t *testing.T) {
	n := newNetwork(t)
	good := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}
	bad := agent.Rule{Pod: podUID, IP: peerIP, Do: agent.DropIn, Port: another}
	if b := n.set(faultsOf(good)); !b[0].Effective {
		t.Fatalf("%+v", b)
	}
	if b := n.set(faultsOf(good, bad)); b[0].Since == 0 || b[1].Since != 0 {
		t.Errorf("%+v", b)
	}
}

// TestOwnPod runs inside the agent's own pod, as a child of the next test.
func TestOwnPod(t *testing.T) {
	node, err := strconv.Atoi(os.Getenv("MESHPROOF_TEST_NODE"))
	if err != nil {
		t.Skip("runs only as a child of another test")
	}
	root := t.TempDir()
	netnstest.Link(t, root, 1, node)
	netnstest.Link(t, root, os.Getpid(), os.Getpid())
	k := New(proc.FS(root), inPlan)
	k.find = func(string) (int, error) { return os.Getpid(), nil }
	k.planned = func(_ context.Context, r agent.Rule) error {
		if r.OwnAPI() {
			return errors.New("the agent's pod is in no plan")
		}
		return nil
	}
	for _, c := range []struct {
		rule agent.Rule
		done bool
	}{
		{agent.Rule{Do: agent.DropOwn, Port: agent.Port}, true},
		{agent.Rule{Do: agent.DropOwn, Port: port}, false},
		{agent.Rule{Do: agent.DropIn, Port: agent.Port}, false},
		{agent.Rule{Do: agent.Cut, Port: port, Peer: peerIP}, false},
	} {
		c.rule.Pod, c.rule.IP = podUID, podIP
		if b := k.Set(t.Context(), faultsOf(c.rule)); (b[0].Since != 0) != c.done {
			t.Errorf("%+v", b)
		}
		k.Set(t.Context(), faultsOf())
	}
}

// In the agent's own pod nothing is cut off but its own API: that is how the harness tries what a lost stream does.
func TestOnlyItsOwnAPIIsCutOffInTheAgentsPod(t *testing.T) {
	n := newNetwork(t)
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(n.podPID), "-n", os.Args[0], "-test.run=^TestOwnPod$", "-test.v")
	cmd.Env = append(os.Environ(), "MESHPROOF_TEST_NODE="+strconv.Itoa(os.Getpid()))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestOwnPod") {
		t.Errorf("%v: %s", err, out)
	}
}

// A rule about a pod that no plan has is refused, and the others of its request are not.
func TestAFaultNeedsAPlan(t *testing.T) {
	n := newNetwork(t)
	n.keeper.planned = func(_ context.Context, r agent.Rule) error {
		if r.Port == port {
			return nil
		}
		return errors.New("no plan has " + r.String())
	}
	good, bad := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}, agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropDNS}
	if b := n.set(faultsOf(good, bad)); !b[0].Effective || b[1].Since != 0 || !strings.Contains(b[1].Message, "no plan has drop-dns") || !resolves(n) {
		t.Errorf("%+v", b)
	}
	// What is in place stays, also when its pod has left the plan.
	n.keeper.planned = func(context.Context, agent.Rule) error { return errors.New("no plan has anything") }
	if b := n.set(faultsOf(good)); b[0].Since == 0 {
		t.Errorf("%+v", b)
	}
}
