package probe

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

const (
	uidA   = "11111111-2222-3333-4444-555555555555"
	uidB   = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	secret = "QZYXSECRETCOOKIE"
)

// tree is a /proc that holds real processes, as if each were in a pod.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) tree { return tree{t, t.TempDir()} }

// put shows a process as one of the pod's.
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
	hold(os.Symlink(fmt.Sprintf("/proc/%d/stat", pid), filepath.Join(dir, "stat")))
	hold(os.Symlink(fmt.Sprintf("/proc/%d/ns", pid), filepath.Join(dir, "ns")))
	hold(os.WriteFile(filepath.Join(dir, "root/etc/resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o600))
	hold(os.WriteFile(filepath.Join(dir, "cgroup"), []byte("0::/kubepods/pod"+uid+"/x\n"), 0o600))
}

func (p tree) remove(pid int) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.root, fmt.Sprint(pid))); err != nil {
		p.t.Fatal(err)
	}
}

// story keeps what an observer tells, and when.
type story struct {
	mu     sync.Mutex
	events []recording.Event
	began  time.Time
}

func (s *story) emit(e recording.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.T = time.Since(s.began)
	s.events = append(s.events, e)
}

func (s *story) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// await waits for the first event from number from on that is as wanted.
func (s *story) await(t *testing.T, what string, from int, as func(recording.Event) bool) recording.Event {
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
		t.Logf("%s: fault %+v nodes %+v cookie %+v process %+v", e.T, e.Fault, e.Nodes, e.Cookie, e.Process)
	}
	t.Fatalf("%s was not told within 10 s", what)
	return recording.Event{}
}

// observe runs an observer until the returned function is called, which holds that nothing is left of it.
func observe(t *testing.T, root string) (o *Observer, s *story, end func()) {
	t.Helper()
	s = &story{began: time.Now()}
	o = New(proc.FS(root), "n1", s.emit)
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
			t.Fatal("the observer did not end in its time")
		}
		n := s.now()
		if left := goroutines(); left != "" {
			t.Errorf("the observer has ended, its goroutines have not:\n%s", left)
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

// goroutines gives the stacks of those that the observer has made.
func goroutines() string {
	b := make([]byte, 1<<20)
	var left []string
	for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(g, "created by meshproof.dev/meshproof/e2e/agent/probe.(*") || strings.Contains(g, "erldist.") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// descriptors counts the sockets and namespaces that this process holds.
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

// inside starts a program in the network namespace of process ns.
func inside(t *testing.T, ns int, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(ns), "-n", name}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "ERL_EPMD_RELAXED_COMMAND_CHECK=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// resolver serves DNS inside the namespace. Over UDP its answer does not fit.
func resolver(t *testing.T, h *netns.Handle) {
	t.Helper()
	err := h.Do(func() error {
		u, err := net.ListenPacket("udp4", "127.0.0.1:53")
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp4", "127.0.0.1:53")
		if err != nil {
			return err
		}
		for _, s := range []*dns.Server{{PacketConn: u}, {Listener: l}} {
			s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				if m.Truncated = s.PacketConn != nil; !m.Truncated {
					for _, ip := range []string{"10.0.0.1", "10.0.0.2"} {
						m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(ip)})
					}
				}
				_ = w.WriteMsg(m)
			})
			go s.ActivateAndServe() //nolint:errcheck // ends with the listener
			t.Cleanup(func() { _ = s.Shutdown() })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func vm(t *testing.T, ns int) *exec.Cmd {
	t.Helper()
	return inside(t, ns, "erl", "-noinput", "-name", "a@127.0.0.1", "-setcookie", secret, "-start_epmd", "false", "-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max", "9100")
}

func TestObserverOfARealNode(t *testing.T) {
	for _, tool := range []string{"erl", "epmd", "nsenter", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	h, ns := netnstest.New(t)
	resolver(t, h)
	inside(t, ns, "epmd")
	tree := newTree(t)
	tree.put(ns, uidA) // a process that is no VM: the pod has begun
	o, s, end := observe(t, tree.root)
	plan := agent.Plan{
		Pods:     []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}, {UID: uidB, IP: "127.0.0.2", Node: "n2"}},
		EPMDPort: 4369, Cookie: []byte(secret), Control: true, DNSName: "derl.ns.svc.cluster.local.",
	}
	o.SetPlan(plan)
	s.await(t, "an epmd without nodes", 0, func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Outcome == "not-registered" && strings.Contains(e.Nodes.Detail, "knows no node")
	})

	cmd := vm(t, ns)
	tree.put(cmd.Process.Pid, uidA)
	isStart := func(pid int) func(recording.Event) bool {
		return func(e recording.Event) bool { return e.Process != nil && e.Process.PID == pid && !e.Process.Exited }
	}
	cookie := func(label string, o recording.Outcome) func(recording.Event) bool {
		return func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Pod == uidA && e.Cookie.Cookie == label && e.Cookie.Outcome == o && e.Cookie.Node == "a@127.0.0.1"
		}
	}
	asked := func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome == recording.OK }
	s.await(t, "the VM's start", 0, isStart(cmd.Process.Pid))
	s.await(t, "the right cookie's acceptance", 0, cookie("A", recording.OK))
	s.await(t, "the wrong cookie's refusal", 0, cookie("wrong", recording.Denied))
	if n := s.await(t, "the node's view", 0, asked).Nodes; n.Node != "a@127.0.0.1" || n.Creation == 0 || n.OTP == "" || len(n.Visible) != 0 {
		t.Errorf("view %+v", n)
	}
	if e := s.await(t, "epmd's names, for the peer", 0, func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == uidB && len(e.EPMD.Names) > 0 }).EPMD; e.From != uidA || e.To != uidB || e.Names[0] != (recording.Registered{Name: "a", Port: 9100}) {
		t.Errorf("epmd %+v", e)
	}
	if d := s.await(t, "the peer's challenge", 0, func(e recording.Event) bool { return e.Dist != nil && e.Dist.Outcome == recording.OK }).Dist; d.Addr != "127.0.0.2:9100" || d.Node != "a@127.0.0.1" || d.Flags == 0 {
		t.Errorf("dist %+v", d)
	}
	s.await(t, "the listener", 0, func(e recording.Event) bool {
		return e.Sockets != nil && e.Sockets.Outcome == recording.OK && slices.ContainsFunc(e.Sockets.Listen, func(l string) bool { return strings.HasSuffix(l, ":9100") })
	})
	if d := s.await(t, "the DNS answer", 0, func(e recording.Event) bool { return e.DNS != nil && e.DNS.Outcome == recording.OK }).DNS; d.RCode != "NOERROR" || d.Server != "127.0.0.1" || !slices.Equal(d.Addrs, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("dns %+v: over UDP the answer is cut off, over TCP it has two addresses", d)
	}

	// The VM ends, and another starts in the same pod.
	mark, killed := s.now(), time.Since(s.began)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e := s.await(t, "the VM's end", mark, func(e recording.Event) bool {
		return e.Process != nil && e.Process.Exited && e.Process.PID == cmd.Process.Pid
	})
	if took := e.T - killed; took > 100*time.Millisecond {
		t.Errorf("the end was told after %s", took)
	}
	s.await(t, "a node that cannot be asked", mark, func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome != recording.OK })
	_ = cmd.Wait()
	tree.remove(cmd.Process.Pid)
	second := vm(t, ns)
	tree.put(second.Process.Pid, uidA)
	s.await(t, "the second VM's start", mark, isStart(second.Process.Pid))
	s.await(t, "the right cookie's acceptance by the second", mark, cookie("A", recording.OK))
	s.await(t, "the wrong cookie's refusal by the second", mark, cookie("wrong", recording.Denied))
	s.await(t, "the second's view", mark, asked)

	end()
	count := map[string]int{}
	for _, e := range s.events {
		if e.Cookie != nil {
			count[e.Cookie.Cookie]++
		}
		if text := fmt.Sprintf("%+v %+v %+v %+v %+v", e.Fault, e.Nodes, e.Cookie, e.Dist, e.EPMD); strings.Contains(text, secret) {
			t.Errorf("an event holds the cookie: %s", text)
		}
	}
	if count["A"] != 2 || count["wrong"] != 2 {
		t.Errorf("two starts of the node, and the cookies were tried %v times: each wrong one is an error report in its log", count)
	}
}

// listen opens a port inside the namespace that is silent to whoever connects.
func listen(t *testing.T, h *netns.Handle, addr string) {
	t.Helper()
	err := h.Do(func() error {
		l, err := net.Listen("tcp4", addr)
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sees(uid, listener string) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Sockets != nil && e.Sockets.Pod == uid && slices.Contains(e.Sockets.Listen, listener)
	}
}

// A sandbox that is made anew has another network under the same UID.
func TestObserverFollowsAPodToItsNewNamespace(t *testing.T) {
	first, pid1 := netnstest.New(t)
	second, pid2 := netnstest.New(t)
	listen(t, first, "127.0.0.1:1001")
	listen(t, second, "127.0.0.1:1002")
	tree := newTree(t)
	tree.put(pid1, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}, EPMDPort: 4369, DistPort: 9100})
	s.await(t, "the first namespace's listener", 0, sees(uidA, "127.0.0.1:1001"))
	mark := s.now()
	tree.remove(pid1)
	tree.put(pid2, uidA)
	s.await(t, "the second namespace's listener", mark, sees(uidA, "127.0.0.1:1002"))
	mark = s.now()
	s.await(t, "another look", mark, sees(uidA, "127.0.0.1:1002"))
	for _, e := range s.events[mark:] {
		if sees(uidA, "127.0.0.1:1001")(e) {
			t.Error("the first namespace is still looked at")
		}
	}
}

// Dials that hang must hold up neither a new plan nor another pod, and a pod that left is dialled no more.
func TestObserverIsNotHeldUpByDialsThatHang(t *testing.T) {
	hung, pid1 := netnstest.New(t)
	other, pid2 := netnstest.New(t)
	listen(t, hung, "127.0.0.1:4369") // an epmd that says nothing
	listen(t, other, "127.0.0.1:1002")
	tree := newTree(t)
	tree.put(pid1, uidA)
	tree.put(pid2, uidB)
	o, s, _ := observe(t, tree.root)
	a, b := agent.Pod{UID: uidA, IP: "127.0.0.1", Node: "n1"}, agent.Pod{UID: uidB, IP: "127.0.0.1", Node: "n1"}
	var pods []agent.Pod
	for i := range 50 {
		pods = append(pods, agent.Pod{UID: fmt.Sprintf("%08d-peer", i), IP: "127.0.0.1", Node: "n2"})
	}
	o.SetPlan(agent.Plan{Pods: append(pods, a), EPMDPort: 4369, DistPort: 9100})
	s.await(t, "the first pod's listener", 0, sees(uidA, "127.0.0.1:4369"))
	mark, changed := s.now(), time.Since(s.began)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{b}, EPMDPort: 4369, DistPort: 9100})
	if e := s.await(t, "the other pod's listener", mark, sees(uidB, "127.0.0.1:1002")); e.T-changed > 500*time.Millisecond {
		t.Errorf("the new plan took %s", e.T-changed)
	}
	mark = s.now()
	s.await(t, "another look", mark, sees(uidB, "127.0.0.1:1002"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events[mark:] {
		if e.EPMD != nil && e.EPMD.From == uidA || e.Sockets != nil && e.Sockets.Pod == uidA || e.Nodes != nil && e.Nodes.Pod == uidA {
			t.Errorf("the pod that left is still looked at: %+v", e)
		}
	}
}
