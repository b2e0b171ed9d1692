package probe

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// A container that is just starting is in its parent's namespace for a moment. Nothing is observed from there.
func TestNothingIsObservedFromAnotherNamespace(t *testing.T) {
	h, pid := netnstest.New(t)
	_ = h
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "10.1.2.3", Node: "n1"}, {UID: uidB, IP: "127.0.0.1", Node: "n2"}}, EPMDPort: 4369, DistPort: 9100, Cookie: []byte(secret), DNSName: "x."})
	e := s.await(t, "the reason why nothing is observed", 0, func(e recording.Event) bool { return e.ObserverError != nil })
	if e.ObserverError.Pod != uidA || !strings.Contains(e.ObserverError.What, "10.1.2.3 is no address of the pod's network namespace") {
		t.Errorf("observer error %+v", e.ObserverError)
	}
	time.Sleep(400 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.ObserverError == nil {
			t.Errorf("observed from a namespace that is not the pod's: %+v", e)
		}
	}
	if len(s.events) > 3 {
		t.Errorf("the same error was recorded %d times in half a second", len(s.events))
	}
}

// The agent's own connections and its own hidden node are not recorded. The VM's connection to its epmd and other hidden
// nodes are. The pod's own epmd is queried, too.
func TestTheAgentItselfIsNotRecorded(t *testing.T) {
	for _, tool := range []string{"erl", "epmd", "nsenter", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	h, ns := netnstest.New(t)
	inside(t, ns, "epmd")
	cmd := vm(t, ns)
	tree := newTree(t)
	tree.put(cmd.Process.Pid, uidA)
	o, s, _ := observe(t, tree.root)
	const often = 25 * time.Millisecond
	o.SetPlan(agent.Plan{
		Pods:     []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}, {UID: uidB, IP: "127.0.0.2", Node: "n2"}},
		EPMDPort: 4369, DistPort: 9100, Cookie: []byte(secret), Every: agent.Every{View: often, Sockets: often, EPMD: often, Dist: often},
	})
	seen := s.await(t, "a view", 0, func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Pod == uidA && e.Nodes.Outcome == recording.OK
	})
	if len(seen.Nodes.Hidden) != 0 {
		t.Errorf("the agent's own node is recorded: %v", seen.Nodes.Hidden)
	}
	s.await(t, "the pod's own epmd", 0, func(e recording.Event) bool {
		return e.EPMD != nil && e.EPMD.From == uidA && e.EPMD.To == uidA && len(e.EPMD.Names) == 1
	})

	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return h.Dial(ctx, network, addr, "127.0.0.1")
	}
	console, err := erldist.Connect(t.Context(), dial, "127.0.0.1:9100", erldist.NewCookie([]byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	mark := s.now()
	s.await(t, "another hidden node", mark, func(e recording.Event) bool { return e.Nodes != nil && len(e.Nodes.Hidden) == 1 })
	s.await(t, "its link", mark, func(e recording.Event) bool { return e.Sockets != nil && dist(e.Sockets.Links) == 2 })
	if err := console.Close(); err != nil {
		t.Fatal(err)
	}

	mark = s.now()
	time.Sleep(20 * often)
	s.mu.Lock()
	defer s.mu.Unlock()
	looks, with, epmds := 0, 0, 0
	for _, e := range s.events[mark:] {
		if e.Dist != nil && e.Dist.From == e.Dist.To {
			t.Errorf("a node was dialled from its own pod: %+v", e.Dist)
		}
		if e.Sockets == nil || e.Sockets.Pod != uidA {
			continue
		}
		looks++
		if dist(e.Sockets.Links) > 0 {
			with++
		}
		if slices.ContainsFunc(e.Sockets.Links, func(l recording.Link) bool { return strings.HasSuffix(l.Remote, ":4369") }) {
			epmds++
		}
	}
	// A dial may be established before ownConns has it.
	if looks < 10 || with > looks/5 || epmds < looks*4/5 {
		t.Errorf("of %d readings %d have a distribution link, which only the agent can have made, and %d the VM's link to epmd", looks, with, epmds)
	}
}

func dist(links []recording.Link) int {
	n := 0
	for _, l := range links {
		if strings.HasSuffix(l.Local, ":9100") || strings.HasSuffix(l.Remote, ":9100") {
			n++
		}
	}
	return n
}

// An epmd that accepts connections and does not answer delays its own queries by 2 s each, but not the dials of the
// distribution port.
func TestSilentEPMDDoesNotDelayDist(t *testing.T) {
	h, pid := netnstest.New(t)
	var l net.Listener
	if err := h.Do(func() (err error) {
		l, err = net.Listen("tcp4", "127.0.0.1:4369")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if n < 2 { // the first query of each pair is answered
				_, _ = c.Write([]byte("\x00\x00\x11\x11name a at port 9101\n"))
				_ = c.Close()
			}
		}
	}()
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{
		Pods:     []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}, {UID: uidB, IP: "127.0.0.1", Node: "n2"}},
		EPMDPort: 4369, DistPort: 9100, Every: agent.Every{EPMD: 100 * time.Millisecond, Dist: 20 * time.Millisecond},
	})
	isDist := func(e recording.Event) bool { return e.Dist != nil && e.Dist.Outcome == recording.Refused }
	s.await(t, "the first dial", 0, isDist)
	time.Sleep(150 * time.Millisecond) // the next query of epmd hangs by now
	mark := s.now()
	time.Sleep(500 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.events[mark:] {
		if isDist(e) {
			n++
		}
		if e.Nodes != nil || e.Cookie != nil {
			t.Errorf("a connection without a cookie: %+v", e)
		}
	}
	if n < 3 { // delayed by epmd there would be none
		t.Errorf("%d dials in half a second, the plan asks for 25", n)
	}
}

// The duration of a recovery is measured from the exit of the VM, so it must be recorded at once.
func TestExitIsSeenAtOnce(t *testing.T) {
	var late []time.Duration
	for range 5 {
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fd := pidfd(t, cmd.Process.Pid)
		seen := make(chan time.Time, 1)
		go func() {
			if err := waitExit(t.Context(), fd); err != nil {
				t.Error(err)
			}
			seen <- time.Now()
		}()
		time.Sleep(20 * time.Millisecond)
		select {
		case <-seen:
			t.Fatal("waitExit returned before the process exited")
		default:
		}
		killed := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		late = append(late, (<-seen).Sub(killed))
		_ = cmd.Wait()
	}
	if slices.Min(late) > 10*time.Millisecond {
		t.Errorf("exits were seen after %v", late)
	}
}

func TestWaitExitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	fd := pidfd(t, os.Getpid())
	go func() { done <- waitExit(ctx, fd) }()
	time.Sleep(10 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("waitExit returned nil for a running process")
		}
	case <-time.After(2 * time.Second):
		t.Fatal("waitExit did not return after its context ended")
	}
}

func pidfd(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
