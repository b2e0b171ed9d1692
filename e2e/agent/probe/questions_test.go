package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/recording"
)

// The pod's own questions are recorded and the agent's are not, over UDP or TCP. An interval without questions is
// recorded, too.
func TestOnlyThePodsQuestionsAreRecorded(t *testing.T) {
	h, pid := netnstest.New(t)
	resolver(t, h)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}, DNSName: "ours.example.", Every: agent.Every{DNS: 50 * time.Millisecond}})
	s.await(t, "the answer to the agent's own question", 0, func(e recording.Event) bool { return e.DNS != nil && e.DNS.Outcome == recording.OK })
	empty := s.await(t, "an interval without a question", 0, func(e recording.Event) bool { return e.Asked != nil && len(e.Asked.Questions) == 0 }).Asked
	if empty.Pod != uidA || empty.Over < questionsEvery || empty.Over > 10*questionsEvery || empty.Lost != 0 {
		t.Errorf("%+v", empty)
	}
	mark := s.now()
	for _, network := range []string{"udp", "tcp"} {
		c, err := h.Dial(t.Context(), network, "127.0.0.1:53", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn := &dns.Conn{Conn: c}
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("Theirs.example.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	isTheirs := func(e recording.Event) bool { return e.Asked != nil && len(e.Asked.Questions) > 0 }
	s.await(t, "the pod's questions", mark, isTheirs)
	for range 2 { // time for the answers, and for a question that is counted twice by mistake
		mark = s.now()
		s.await(t, "another interval", mark, func(e recording.Event) bool { return e.Asked != nil })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	count, answers, intervals := 0, 0, 0
	for _, e := range s.events {
		if e.Asked == nil {
			continue
		}
		intervals++
		for _, q := range e.Asked.Questions {
			if q.Name != "theirs.example" || q.Type != "A" || q.Empty > 0 {
				t.Errorf("%+v", q)
			}
			count += q.Count
			answers += q.RCodes["NOERROR"]
		}
	}
	if count != 2 || answers != 2 || intervals < 3 {
		t.Errorf("%d questions and %d answers in %d intervals, want 2 and 2 in at least 3", count, answers, intervals)
	}
}

// What was asked before the pod's VM started, by a start script or an init container, is in an interval of its own: it ends with the
// first packet after the start, and the interval of the VM's own questions begins with it.
func TestAnIntervalEndsWhenTheVMStarts(t *testing.T) {
	h, pid := netnstest.New(t)
	resolver(t, h)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}})
	ask := func(name string) {
		t.Helper()
		c, err := h.Dial(t.Context(), "udp", "127.0.0.1:53", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := (&dns.Conn{Conn: c}).WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	s.await(t, "the first interval", 0, func(e recording.Event) bool { return e.Asked != nil })
	mark := s.now()
	ask("script.example.")
	beam := filepath.Join(t.TempDir(), "beam.smp") // a process has the name of its file
	if err := os.Symlink("/bin/sleep", beam); err != nil {
		t.Fatal(err)
	}
	vm := inside(t, pid, beam, "60")
	tree.put(vm.Process.Pid, uidA)
	s.await(t, "the VM's start", mark, func(e recording.Event) bool { return e.Process != nil && !e.Process.Exited })
	ask("vm.example.")
	has := func(e recording.Event, name string) bool {
		return e.Asked != nil && slices.ContainsFunc(e.Asked.Questions, func(q recording.Question) bool { return q.Name == name })
	}
	before := s.await(t, "the script's question", mark, func(e recording.Event) bool { return has(e, "script.example") })
	after := s.await(t, "the VM's question", mark, func(e recording.Event) bool { return has(e, "vm.example") })
	if has(before, "vm.example") || has(after, "script.example") {
		t.Errorf("the questions of before the VM's start and of after it in one interval: %+v", before.Asked)
	}
}

// In the node's network namespace (hostNetwork) it is not known whose questions are captured.
func TestNoQuestionsOfAPodWithHostNetwork(t *testing.T) {
	_, pid := netnstest.New(t)
	tree := newTree(t)
	tree.put(pid, uidA)
	tree.link(1, pid) // process 1 is in the node's namespace
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}})
	s.await(t, "its sockets", 0, func(e recording.Event) bool { return e.Sockets != nil })
	time.Sleep(questionsEvery + questionsEvery/2)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.events, func(e recording.Event) bool { return e.Asked != nil || e.ObserverError != nil }) {
		t.Errorf("%+v", s.events)
	}
}

// An agent of a run that judges no questions has no right to capture them. Everything else is observed, and no error is
// recorded: the agent's start says what it cannot do.
func TestWithoutTheRightToCapture(t *testing.T) {
	const child = "MESHPROOF_TEST_WITHOUT_NET_RAW"
	if os.Getenv(child) == "" {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("needs setpriv to give up a capability")
		}
		cmd := exec.Command("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	_, pid := netnstest.New(t)
	tree := newTree(t)
	tree.put(pid, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(planOf(4369, 9100))
	s.await(t, "its sockets", 0, func(e recording.Event) bool { return e.Sockets != nil })
	time.Sleep(questionsEvery + questionsEvery/2)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.events, func(e recording.Event) bool { return e.Asked != nil || e.ObserverError != nil }) {
		t.Errorf("%+v", s.events)
	}
}

func TestOwnConns(t *testing.T) {
	o := newOwnConns()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for network, to := range map[string]string{"udp": u.LocalAddr().String(), "tcp": l.Addr().String()} {
		raw, err := new(net.Dialer).DialContext(context.Background(), network, to)
		if err != nil {
			t.Fatal(err)
		}
		c := o.track(raw)
		_, packets := c.(net.PacketConn)
		if packets != (network == "udp") {
			t.Errorf("%s: a PacketConn: %v", network, packets)
		}
		tcp, local, remote := network == "tcp", netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(to)
		for range 2 {
			if !o.contains(tcp, local, remote) || !o.contains(tcp, remote, local) || o.contains(!tcp, local, remote) {
				t.Errorf("%s: %v %v", network, o.contains(tcp, local, remote), o.contains(!tcp, local, remote))
			}
			_ = c.Close() // the second round: for a while after it was closed
		}
		o.mu.Lock()
		for e, until := range o.conns {
			if until.IsZero() || time.Until(until) > keepClosed {
				t.Errorf("%+v is kept until %s", e, until)
			}
			o.conns[e] = time.Now().Add(-time.Millisecond)
		}
		o.swept = time.Time{}
		o.mu.Unlock()
		if raw, err = new(net.Dialer).DialContext(context.Background(), network, to); err != nil {
			t.Fatal(err)
		}
		if again := o.track(raw); o.contains(tcp, local, remote) {
			t.Errorf("%s: an expired connection was not removed", network)
			_ = again.Close()
		}
		_ = raw.Close()
		clear(o.conns)
	}
}
