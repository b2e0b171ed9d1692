package probe

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/recording"
)

// Thousands of dials by watches that start and stop leak no descriptor, thread or namespace.
func TestWatchesLeakNothing(t *testing.T) {
	const wanted = 2000
	h, pid := netnstest.New(t)
	other, pid2 := netnstest.New(t)
	resolver(t, h, "127.0.0.1")
	for _, ns := range []interface{ Do(func() error) error }{h, other} {
		if err := ns.Do(func() error { // an epmd that closes each connection, so that each dial is one complete exchange
			l, err := net.Listen("tcp4", "127.0.0.1:4369")
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	tree := newTree(t)
	tree.put(pid, uidA)
	tree.put(pid2, uidB)
	o, s, end := observe(t, tree.root)
	const often = 20 * time.Millisecond
	plan := agent.Plan{EPMDPort: 4369, DistPort: 9100, DNSName: "x.", Cookie: []byte(secret), Every: agent.Every{View: often, Sockets: often, DNS: often, EPMD: often, Dist: often}}
	for i := range 20 {
		plan.Pods = append(plan.Pods, agent.Pod{UID: fmt.Sprintf("%08d-peer", i), IP: "127.0.0.1", Node: "n2"})
	}
	peers := plan.Pods
	// round adds the pods to the plan, waits for their dials and removes them.
	round := func(pods ...agent.Pod) {
		mark := s.now()
		plan.Pods = slices.Concat(peers, pods)
		o.SetPlan(plan)
		s.await(t, "a dial", mark, func(e recording.Event) bool { return e.Dist != nil && e.Dist.From == pods[0].UID })
		time.Sleep(5 * often)
		o.SetPlan(agent.Plan{})
	}
	a, b := agent.Pod{UID: uidA, IP: "127.0.0.1", Node: "n1"}, agent.Pod{UID: uidB, IP: "127.0.0.1", Node: "n1"}
	round(a, b)
	waitUntilClean(t, 0, 0)
	fds, threads := count(t, "fd"), count(t, "task")
	dials, rounds := 0, 0
	for began := time.Now(); dials < wanted && time.Since(began) < time.Minute; rounds++ {
		round([][]agent.Pod{{a, b}, {a}, {b}}[rounds%3]...)
		s.mu.Lock()
		for _, e := range s.events {
			if e.Dist != nil || e.EPMD != nil || e.DNS != nil {
				dials++
			}
		}
		s.events = nil
		s.mu.Unlock()
	}
	if dials < wanted/4 || rounds < 3 {
		t.Fatalf("only %d dials in %d rounds: the test proves nothing", dials, rounds)
	}
	// The number of the runtime's threads varies with the load; one leaked thread per dial or watch would be hundreds.
	waitUntilClean(t, fds, threads+20)
	end()
}

// waitUntilClean waits until no watch has a goroutine and there are at most that many descriptors and threads; 0 is no
// limit.
func waitUntilClean(t *testing.T, fds, threads int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		runtime.GC()
		f, n := count(t, "fd"), count(t, "task")
		watches := goroutinesOf(".(*watch)")
		if watches == "" && (fds == 0 || f <= fds) && (threads == 0 || n <= threads) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d descriptors (limit %d), %d threads (limit %d), goroutines of watches:\n%s", f, fds, n, threads, watches)
		}
	}
}

func count(t *testing.T, what string) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/" + what)
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}

// A pod with many peers has no goroutine for each: a hundred pods on one node are ten thousand pairs.
func TestManyPeersShareOneClock(t *testing.T) {
	h, pid := netnstest.New(t)
	resolver(t, h, "127.0.0.1")
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, end := observe(t, tree.root)
	defer end()
	plan := agent.Plan{EPMDPort: 4369, DistPort: 9100, Cookie: []byte(secret), Every: agent.Every{EPMD: 20 * time.Millisecond, Dist: 20 * time.Millisecond}}
	for i := range 500 {
		plan.Pods = append(plan.Pods, agent.Pod{UID: fmt.Sprintf("%08d-peer", i), IP: "127.0.0.1", Node: "n2"})
	}
	plan.Pods = append(plan.Pods, agent.Pod{UID: uidA, IP: "127.0.0.1", Node: "n1"})
	o.SetPlan(plan)
	dialled := map[string]bool{}
	for deadline := time.Now().Add(20 * time.Second); len(dialled) < 500; time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		for _, e := range s.events {
			if e.Dist != nil {
				dialled[e.Dist.To] = true
			}
		}
		s.mu.Unlock()
		if n := runtime.NumGoroutine(); n > 200 {
			t.Fatalf("%d goroutines for one pod and its peers", n)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of 500 peers were dialled in 20 s", len(dialled))
		}
	}
}
