package probe

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// tree is a fake /proc with real processes, each as if it were in a pod.
type tree struct {
	t    *testing.T
	root string
}

// newTree is a tree whose process 1 is in the namespaces of the test, which stands for the node.
func newTree(t *testing.T) tree {
	p := tree{t, t.TempDir()}
	p.link(1, os.Getpid())
	return p
}

// put adds a process of the pod.
func (p tree) put(pid int, uid string) {
	p.t.Helper()
	dir := filepath.Join(p.root, fmt.Sprint(pid))
	hold := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	hold(os.MkdirAll(filepath.Join(dir, "root/etc"), 0o755))
	for _, file := range []string{"stat", "ns", "cmdline", "environ", "status"} {
		hold(os.Symlink(fmt.Sprintf("/proc/%d/%s", pid, file), filepath.Join(dir, file)))
	}
	hold(os.WriteFile(filepath.Join(dir, "root/etc/resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o600))
	hold(os.WriteFile(filepath.Join(dir, "cgroup"), []byte("0::/kubepods/pod"+uid+"/x\n"), 0o600))
}

// link adds a process that has only namespaces, those of the process of.
func (p tree) link(pid, of int) {
	p.t.Helper()
	p.remove(pid)
	dir := filepath.Join(p.root, fmt.Sprint(pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d/ns", of), filepath.Join(dir, "ns")); err != nil {
		p.t.Fatal(err)
	}
}

func (p tree) remove(pid int) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.root, fmt.Sprint(pid))); err != nil {
		p.t.Fatal(err)
	}
}

// eventLog keeps the events of an observer, with their times.
type eventLog struct {
	mu     sync.Mutex
	events []recording.Event
	began  time.Time
}

func (s *eventLog) emit(e recording.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.T = time.Since(s.began)
	s.events = append(s.events, e)
}

func (s *eventLog) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// await waits for the first matching event from number from on.
func (s *eventLog) await(t *testing.T, what string, from int, as func(recording.Event) bool) recording.Event {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		s.mu.Lock()
		for _, e := range s.events[from:] {
			if as(e) {
				s.mu.Unlock()
				return e
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events[max(from, len(s.events)-20):] {
		t.Logf("%s: observer error %+v nodes %+v cookie %+v process %+v", e.T, e.ObserverError, e.Nodes, e.Cookie, e.Process)
	}
	t.Fatalf("%s was not recorded within 10 s", what)
	return recording.Event{}
}

// observe runs an observer until the returned function is called. That function checks that the observer leaks nothing.
func observe(t *testing.T, root string) (o *Observer, s *eventLog, end func()) {
	t.Helper()
	s = &eventLog{began: time.Now()}
	o = New(proc.NewFinder(proc.FS(root)), "n1", &agent.Budget{}, s.emit)
	fds := descriptors(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Run(ctx)
	}()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case <-done:
		case <-time.After(agent.DialTimeout + 2*time.Second):
			t.Fatal("the observer did not end within its timeout")
		}
		n := s.now()
		if left := goroutines(); left != "" {
			t.Errorf("the observer has ended, but these goroutines have not:\n%s", left)
		}
		for end := time.Now().Add(2 * time.Second); descriptors(t) > fds; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("sockets and namespaces: %d before, %d after", fds, descriptors(t))
			}
		}
		if late := s.now() - n; late > 0 {
			t.Errorf("%d events after the end", late)
		}
	}
	t.Cleanup(end)
	return o, s, end
}

// goroutines returns the stacks of the observer's goroutines.
func goroutines() string {
	return goroutinesOf("created by meshproof.dev/meshproof/e2e/agent/probe.(*", "erldist.")
}

func goroutinesOf(marks ...string) string {
	b := make([]byte, 1<<20)
	var left []string
	for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(g, m) }) {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// descriptors counts the open sockets and namespaces of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range all {
		if to, err := os.Readlink(fd); err == nil && (strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "net:")) {
			n++
		}
	}
	return n
}

// fakes starts a node inside the pod, and an epmd that lists it as "a" together with others.
func fakes(t *testing.T, h *netns.Handle, n erldisttest.Node, others ...erldisttest.Registered) (epmd, node *erldisttest.Server) {
	t.Helper()
	if err := h.Do(func() (err error) {
		if node, err = n.Listen(); err != nil {
			return err
		}
		epmd, err = erldisttest.EPMD{Nodes: append([]erldisttest.Registered{{Name: "a", Port: port(t, node.Addr)}}, others...)}.Listen()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(epmd.Close)
	t.Cleanup(node.Close)
	return epmd, node
}

// planOf is a plan of one pod at 127.0.0.1.
func planOf(epmd, dist int) agent.Plan {
	return agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}, EPMDPort: epmd, DistPort: dist, Cookie: []byte(secret)}
}

func port(t *testing.T, addr string) int {
	t.Helper()
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return int(a.Port())
}
