package probe

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/recording"
)

const (
	uidA   = "11111111-2222-3333-4444-555555555555"
	uidB   = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	secret = "QZYXSECRETCOOKIE"
)

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

// resolver serves DNS inside the namespace. Over UDP its answers are truncated.
func resolver(t *testing.T, h *netns.Handle, at string) {
	t.Helper()
	err := h.Do(func() error {
		u, err := net.ListenPacket("udp", net.JoinHostPort(at, "53"))
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(at, "53"))
		if err != nil {
			return err
		}
		for _, s := range []*dns.Server{{PacketConn: u}, {Listener: l}} {
			s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				if six := q.Question[0].Qtype == dns.TypeAAAA; six {
					m.Answer = append(m.Answer, &dns.AAAA{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET}, AAAA: net.ParseIP("fd00::1")})
				} else if m.Truncated = s.PacketConn != nil; !m.Truncated {
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
	resolver(t, h, "127.0.0.1")
	inside(t, ns, "epmd")
	tree := newTree(t)
	tree.put(ns, uidA) // a process that is no VM: the pod has started
	o, s, end := observe(t, tree.root)
	plan := agent.Plan{
		Pods:     []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}, {UID: uidB, IP: "127.0.0.2", Node: "n2"}},
		EPMDPort: 4369, Cookie: []byte(secret), Control: true, DNSName: "derl.ns.svc.cluster.local.",
	}
	o.SetPlan(plan)
	s.await(t, "an epmd without nodes", 0, func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Outcome == "not-registered" && strings.Contains(e.Nodes.Detail, "lists no node")
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
	if v := s.await(t, "the VM's command line", 0, func(e recording.Event) bool { return e.VM != nil }).VM; v.Pod != uidA || v.PID != cmd.Process.Pid || v.NSPID == 0 ||
		!slices.Contains(v.Args, "inet_dist_listen_min") || !strings.Contains(strings.Join(v.Args, " "), "-setcookie (cookie)") || !slices.Contains(v.Names, "HOME") || v.Env["ERL_EPMD_RELAXED_COMMAND_CHECK"] != "1" {
		t.Errorf("VM %+v", v)
	}
	s.await(t, "how the pod resolves", 0, func(e recording.Event) bool {
		return e.Resolver != nil && e.Resolver.Pod == uidA && slices.Equal(e.Resolver.Servers, []string{"127.0.0.1"}) && strings.Contains(e.Resolver.Detail, "/etc/hosts")
	})
	s.await(t, "the right cookie's acceptance", 0, cookie("A", recording.OK))
	s.await(t, "the wrong cookie's refusal", 0, cookie("wrong", recording.Denied))
	if n := s.await(t, "the node's view", 0, asked).Nodes; n.Node != "a@127.0.0.1" || n.Creation == 0 || n.OTP == "" || len(n.Visible) != 0 {
		t.Errorf("view %+v", n)
	}
	k := s.await(t, "the node's parameters", 0, func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Outcome == recording.OK }).Kernel
	if k.TickTime != time.Minute || k.TickIntensity != 4 || k.ListenMin != 9100 || k.ListenMax != 9100 || k.Schedulers < 1 || k.Creation == 0 || k.Names != "longnames" && !strings.Contains(k.Detail, "get_state") {
		t.Errorf("kernel %+v", k)
	}
	if r := s.await(t, "the node's registration", 0, func(e recording.Event) bool { return e.Registration != nil }).Registration; r.Pod != uidA || r.Name != "a" || r.Port != 9100 || r.Type != "normal" || r.Highest != 6 {
		t.Errorf("registration %+v", r)
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
		t.Errorf("dns %+v: over UDP the answer is truncated, over TCP it has two addresses", d)
	}

	// The VM exits, and another one starts in the same pod.
	mark, killed := s.now(), time.Since(s.began)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e := s.await(t, "the VM's exit", mark, func(e recording.Event) bool {
		return e.Process != nil && e.Process.Exited && e.Process.PID == cmd.Process.Pid
	})
	if took := e.T - killed; took > 100*time.Millisecond {
		t.Errorf("the exit was recorded after %s", took)
	}
	s.await(t, "a node that is not reachable", mark, func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome != recording.OK })
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
		if e.VM != nil {
			count["VM"]++
		}
		if text, err := json.Marshal(e); err != nil || strings.Contains(string(text), secret) {
			t.Errorf("an event contains the cookie: %s, %v", text, err)
		}
	}
	if count["VM"] != 2 {
		t.Errorf("two starts of the node, but %d VM events", count["VM"])
	}
	if count["A"] != 2 || count["wrong"] != 2 {
		t.Errorf("two starts of the node, but the cookies were tried %v times: each wrong one is an error report in its log", count)
	}
}

// listen opens a port inside the namespace. It accepts connections and sends nothing.
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

func listens(uid, listener string) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Sockets != nil && e.Sockets.Pod == uid && slices.Contains(e.Sockets.Listen, listener)
	}
}

// A recreated sandbox has another network namespace under the same pod UID.
func TestObserverFollowsAPodToItsNewNamespace(t *testing.T) {
	first, pid1 := netnstest.New(t)
	second, pid2 := netnstest.New(t)
	listen(t, first, "127.0.0.1:1001")
	listen(t, second, "127.0.0.1:1002")
	tree := newTree(t)
	tree.put(pid1, uidA)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{{UID: uidA, IP: "127.0.0.1", Node: "n1"}}, EPMDPort: 4369, DistPort: 9100})
	s.await(t, "the first namespace's listener", 0, listens(uidA, "127.0.0.1:1001"))
	mark := s.now()
	tree.remove(pid1)
	tree.put(pid2, uidA)
	s.await(t, "the second namespace's listener", mark, listens(uidA, "127.0.0.1:1002"))
	mark = s.now()
	s.await(t, "another reading", mark, listens(uidA, "127.0.0.1:1002"))
	for _, e := range s.events[mark:] {
		if listens(uidA, "127.0.0.1:1001")(e) {
			t.Error("the first namespace is still observed")
		}
	}
}

// Hanging dials must delay neither a new plan nor another pod, and a pod that left the plan is no longer dialled.
func TestHangingDialsDoNotDelayTheObserver(t *testing.T) {
	hung, pid1 := netnstest.New(t)
	other, pid2 := netnstest.New(t)
	listen(t, hung, "127.0.0.1:4369") // an epmd that does not answer
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
	s.await(t, "the first pod's listener", 0, listens(uidA, "127.0.0.1:4369"))
	mark, changed := s.now(), time.Since(s.began)
	o.SetPlan(agent.Plan{Pods: []agent.Pod{b}, EPMDPort: 4369, DistPort: 9100})
	if e := s.await(t, "the other pod's listener", mark, listens(uidB, "127.0.0.1:1002")); e.T-changed > 500*time.Millisecond {
		t.Errorf("the new plan took %s", e.T-changed)
	}
	mark = s.now()
	s.await(t, "another reading", mark, listens(uidB, "127.0.0.1:1002"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events[mark:] {
		if e.EPMD != nil && e.EPMD.From == uidA || e.Sockets != nil && e.Sockets.Pod == uidA || e.Nodes != nil && e.Nodes.Pod == uidA {
			t.Errorf("the pod that left the plan is still observed: %+v", e)
		}
	}
}

// A node that distributes over IPv6: dials, DNS, the node's own view, and the socket table are all of that family.
func TestObserverOfANodeOverIPv6(t *testing.T) {
	for _, tool := range []string{"erl", "epmd", "nsenter", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	h, ns := netnstest.New(t)
	_, other := netnstest.New(t)
	netnstest.Veth(t, ns, other)
	const own = "fd00:99::1"
	resolver(t, h, own)
	inside(t, ns, "epmd")
	tree := newTree(t)
	tree.put(ns, uidA)
	tree.nameserver(ns, own)
	o, s, _ := observe(t, tree.root)
	o.SetPlan(agent.Plan{
		Pods:     []agent.Pod{{UID: uidA, IP: own, Node: "n1"}, {UID: uidB, IP: "fd00:99::2", Node: "n2"}},
		EPMDPort: 4369, Cookie: []byte(secret), Control: true, DNSName: "derl.ns.svc.cluster.local.",
	})
	cmd := inside(t, ns, "erl", "-noinput", "-name", "a@"+own, "-setcookie", secret, "-start_epmd", "false", "-proto_dist", "inet6_tcp", "-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max", "9100")
	tree.put(cmd.Process.Pid, uidA)
	tree.nameserver(cmd.Process.Pid, own)
	for what, is := range map[string]func(e recording.Event) bool{
		"the AAAA records": func(e recording.Event) bool {
			return e.DNS != nil && e.DNS.Outcome == recording.OK && e.DNS.Type == "AAAA" && slices.Equal(e.DNS.Addrs, []string{"fd00::1"})
		},
		"the accepted cookie": func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Cookie == "A" && e.Cookie.Outcome == recording.OK && e.Cookie.Node == "a@"+own
		},
		"the node's view":  func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome == recording.OK },
		"its registration": func(e recording.Event) bool { return e.Registration != nil && e.Registration.Port == 9100 },
		"its command line": func(e recording.Event) bool {
			return e.VM != nil && slices.Equal(e.VM.Protocols(), []string{"inet6_tcp"})
		},
		"the peer that is not there": func(e recording.Event) bool {
			return e.EPMD != nil && e.EPMD.To == uidB && e.EPMD.Addr == "[fd00:99::2]:4369" && e.EPMD.Outcome == recording.Refused
		},
		"the listener on ::": func(e recording.Event) bool {
			return e.Sockets != nil && slices.Contains(e.Sockets.Listen, "[::]:9100")
		},
	} {
		s.await(t, what, 0, is)
	}
}
