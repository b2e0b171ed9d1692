package fault

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
)

// The leases of the tests are short, so that they end within seconds.
const (
	shortLease = 2 * time.Second
	shortRenew = 200 * time.Millisecond
)

// An agent that is killed leaves its table behind. The kernel ends the fault with the lease, and not before; while the
// fault is renewed nothing slips through.
func TestAFaultOfAKilledAgentEndsWithItsLease(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=hold", procEnv+"="+netnstest.Proc(t, n.podPID), podEnv+"="+strconv.Itoa(n.podPID))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	renewed := make(chan string)
	var last time.Time // of the renewals; read after the child's end
	go func() {
		defer close(renewed)
		first := true
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "renewed") {
				continue
			}
			last = time.Now()
			if first {
				renewed <- lines.Text()
			}
			first = false
		}
	}()
	if said := <-renewed; !strings.HasPrefix(said, "renewed true") {
		t.Fatalf("the fault is not in place: %q", said)
	}
	addr := podIP + ":" + strconv.Itoa(port)
	passes := func() bool { return reaches(n.peer, peerIP, addr) }
	for end := time.Now().Add(shortLease + 10*shortRenew); time.Now().Before(end); {
		if passes() {
			t.Fatal("a dial was answered while the fault was renewed")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-renewed
	for !passes() {
		if time.Since(last) > shortLease+5*time.Second {
			t.Fatalf("%s after the last renewal the fault is still in place", time.Since(last))
		}
	}
	if held := time.Since(last); held < shortLease-shortRenew || held > shortLease+time.Second {
		t.Errorf("the fault ended %s after the last renewal, the lease is %s", held, shortLease)
	}
	if left := tablesOf(t, n.pod); len(left) != 1 {
		t.Errorf("tables %q: the killed agent's should still be there, without effect", left)
	}
	// The next agent removes it as soon as it starts.
	if removed, err := removeStale(n.pod, n.keeper.isRunning); err != nil || removed != 1 {
		t.Errorf("removed %d (%v)", removed, err)
	}
}

func tablesOf(t *testing.T, ns *netns.Handle) (names []string) {
	t.Helper()
	if err := inNamespace(ns, func(c *nftables.Conn) error {
		tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
		for _, t := range tables {
			names = append(names, t.Name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// A renewal takes away the old lease and gives a new one in one step: of the packets that come meanwhile none passes.
func TestNothingSlipsThroughDuringRenewals(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	f := faultsOf(agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropDNS})
	first := n.set(f)
	if !first[0].Effective {
		t.Fatalf("%+v", first)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for ctx.Err() == nil {
				short, end := context.WithTimeout(ctx, 5*time.Millisecond)
				answer := queryDNS(short, target{ns: n.pod, resolver: resolverOf(peerIP)}, podIP)
				if end(); answer.answered {
					t.Error("a question was answered during a renewal")
					return
				}
			}
		})
	}
	renewals := 0
	for ; ctx.Err() == nil; renewals++ {
		again := n.set(f)
		if again[0].Counts, again[0].Age = first[0].Counts, first[0].Age; again[0] != first[0] {
			t.Fatalf("after a renewal %+v, before %+v", again[0], first[0])
		}
	}
	asking.Wait()
	if renewals < 100 {
		t.Errorf("only %d renewals: the test proves little", renewals)
	}
}

// A fault that the kernel has ended is put in place again by the next renewal, and its status shows that it was gone.
func TestALapsedLeaseIsSeen(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	f := faultsOf(agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port})
	f.Lease = 3 * time.Second
	for name, lapse := range map[string]func(){
		"only the kernel knows": func() { time.Sleep(f.Lease + 200*time.Millisecond) },
		"the agent knows, too": func() {
			time.Sleep(f.Lease + 200*time.Millisecond)
			n.now = n.now.Add(f.Lease + 200*time.Millisecond)
		},
		"somebody removed the table": func() {
			if err := replaceTable(n.pod, n.keeper.table, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		before := n.set(f)
		if got := n.reachable(); got != "2345" {
			t.Fatalf("with the fault %q is reachable", got)
		}
		n.set(f)
		lapse()
		after := n.set(f)
		if after[0].Since <= before[0].Since || !after[0].Effective {
			t.Errorf("%s: %+v, before %+v", name, after[0], before[0])
		}
		if got := n.reachable(); got != "2345" {
			t.Errorf("%s: put in place again, %q is reachable", name, got)
		}
		n.set(faultsOf())
	}
}
