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

// A container that is only just starting is in its parent's namespace for a moment. What would be seen from there is not
// seen at all.
func TestNothingIsSeenFromAnotherNamespace(t *testing.T) {
	h, pid := netnstest.New(t)
	_ = h
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "10.1.2.3", Node: "n1"}, {UID: uidB, IP: "127.0.0.1", Node: "n2"}}, EPMDPort: 4369, DistPort: 9100, Cookie: []byte(secret), DNSName: "x."})
	e := s.await(t, "why nothing is seen", 0, func(e recording.Event) bool { return e.ObserverError != nil })
	if e.ObserverError.Pod != uidA || !strings.Contains(e.ObserverError.What, "10.1.2.3 is no address of the pod's network namespace") {
		t.Errorf("observer error %+v", e.ObserverError)
	}
	time.Sleep(400 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.ObserverError == nil {
			t.Errorf("seen from a namespace that is not the pod's: %+v", e)
		}
	}
	if len(s.events) > 3 {
		t.Errorf("the same trouble was told %d times in half a second", len(s.events))
	}
}

// The agent's own connections are not the pod's, the VM's own link to its epmd is; other hidden nodes are told, the agent's
// own is not; the pod's own epmd is asked, too.
func TestWhatIsOursIsLeftOut(t *testing.T) {
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
		t.Errorf("the agent sees itself: %v", seen.Nodes.Hidden)
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
	// A dial that has been established and not yet been noted may be caught in the act.
	if looks < 10 || with > looks/5 || epmds < looks*4/5 {
		t.Errorf("of %d looks %d show a distribution link, which only the agent has made, and %d the VM's link to epmd", looks, with, epmds)
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

// An epmd that accepts and says nothing any more costs its own dials 2 s each, and the distribution's nothing.
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
			if n < 2 { // from each pair once
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
	time.Sleep(150 * time.Millisecond) // epmd is being asked again
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
			t.Errorf("a node was asked without a cookie: %+v", e)
		}
	}
	if n < 3 { // held up by epmd there would be none
		t.Errorf("%d dials in half a second, 25 were wanted", n)
	}
}

// The moment at which a VM ended is what a recovery is measured from.
func TestExitIsToldAtOnce(t *testing.T) {
	var late []time.Duration
	for range 5 {
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fd := pidfd(t, cmd.Process.Pid)
		told := make(chan time.Time, 1)
		go func() {
			if err := exited(t.Context(), fd); err != nil {
				t.Error(err)
			}
			told <- time.Now()
		}()
		time.Sleep(20 * time.Millisecond)
		select {
		case <-told:
			t.Fatal("told before it ended")
		default:
		}
		killed := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		late = append(late, (<-told).Sub(killed))
		_ = cmd.Wait()
	}
	if slices.Min(late) > 10*time.Millisecond {
		t.Errorf("ends were told after %v", late)
	}
}

func TestExitIsNotWaitedForLongerThanWanted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	fd := pidfd(t, os.Getpid())
	go func() { done <- exited(ctx, fd) }()
	time.Sleep(10 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("this process is said to have ended")
		}
	case <-time.After(2 * time.Second):
		t.Fatal("it still waits")
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
