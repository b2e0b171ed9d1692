package fault

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// The network of the tests: a pod and a peer with a router between them, as on a cluster's node.
const (
	podUID  = "11111111-2222-3333-4444-555555555555"
	podIP   = "10.99.1.2"
	peerIP  = "10.99.2.2"
	port    = 10000
	another = 4369
)

type network struct {
	pod, peer *netns.Handle
	podPID    int
	keeper    *Keeper
	now       time.Time
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs iproute2 to create the network: ", err)
	}
	pod, podPID := netnstest.New(t)
	router, routerPID := netnstest.New(t)
	peer, peerPID := netnstest.New(t)
	ip := func(pid int, args string) {
		t.Helper()
		out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(pid), "-n", "ip"}, strings.Fields(args)...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	for _, side := range []struct {
		pid      int
		net, dev string
	}{{podPID, "10.99.1", "left"}, {peerPID, "10.99.2", "right"}} {
		ip(routerPID, "link add "+side.dev+" type veth peer name eth0 netns "+strconv.Itoa(side.pid))
		ip(routerPID, "addr add "+side.net+".1/24 dev "+side.dev)
		ip(routerPID, "link set "+side.dev+" up")
		ip(side.pid, "addr add "+side.net+".2/24 dev eth0")
		ip(side.pid, "link set eth0 up")
		ip(side.pid, "route add default via "+side.net+".1")
	}
	if err := router.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }); err != nil {
		t.Fatal(err)
	}
	n := &network{pod: pod, podPID: podPID, peer: peer, keeper: New(proc.FS(netnstest.Proc(t, podPID)), inPlan), now: time.Now()}
	n.keeper.find = func(string) (int, error) { return podPID, nil }
	n.keeper.lookup = func(int) (recording.Resolver, error) {
		return recording.Resolver{Servers: []string{peerIP}, Search: []string{"ns.svc.cluster.local", "svc.cluster.local"}}, nil
	}
	n.keeper.outside = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return peer.Dial(ctx, network, addr, peerIP)
	}
	n.keeper.now = func() time.Time { return n.now }
	listen(t, pod, port)
	listen(t, peer, port)
	serveDNS(t, peer)
	return n
}

func listen(t *testing.T, ns *netns.Handle, port int) {
	t.Helper()
	var l net.Listener
	if err := ns.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(port)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
}

func serveDNS(t *testing.T, ns *netns.Handle) {
	t.Helper()
	var u net.PacketConn
	if err := ns.Do(func() (err error) {
		u, err = net.ListenPacket("udp4", "0.0.0.0:53")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: u, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetReply(q)) })}
	t.Cleanup(func() { _ = s.Shutdown() })
	go func() { _ = s.ActivateAndServe() }()
}

// reaches reports whether a dial gets any answer.
func reaches(ns *netns.Handle, from, addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	return dial(func() (net.Conn, error) { return ns.Dial(ctx, "tcp4", addr, from) }).answered
}

func resolves(n *network) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	return queryDNS(ctx, target{ns: n.pod, resolver: resolverOf(peerIP)}, podIP).answered
}

func resolverOf(server string) recording.Resolver {
	return recording.Resolver{Servers: []string{server}}
}

// reachable lists what works between the pod and its peer, by number.
func (n *network) reachable() string {
	var works []string
	for name, ok := range map[string]bool{
		"1 peer to pod": reaches(n.peer, peerIP, podIP+":"+strconv.Itoa(port)), "2 peer to another port": reaches(n.peer, peerIP, podIP+":"+strconv.Itoa(another)),
		"3 pod to itself": reaches(n.pod, podIP, podIP+":"+strconv.Itoa(port)), "4 pod to peer": reaches(n.pod, podIP, peerIP+":"+strconv.Itoa(port)),
		"5 DNS": resolves(n),
	} {
		if ok {
			works = append(works, name[:1])
		}
	}
	return sorted(works)
}

func sorted(s []string) string {
	all := ""
	for _, c := range "12345" {
		for _, x := range s {
			if x == string(c) {
				all += x
			}
		}
	}
	return all
}

// inPlan takes the pods of each rule for pods of a plan.
func inPlan(context.Context, agent.Rule) error { return nil }

func faultsOf(rules ...agent.Rule) agent.Faults { return agent.Faults{Holder: "h", Rules: rules} }

func (n *network) set(f agent.Faults) []agent.RuleStatus {
	return n.keeper.Set(context.Background(), f)
}

func TestEachFaultStopsWhatItShouldAndNothingElse(t *testing.T) {
	n := newNetwork(t)
	for _, c := range []struct {
		rule  agent.Rule
		works string
	}{
		{agent.Rule{Do: agent.DropIn, Port: port}, "2345"},
		{agent.Rule{Do: agent.RejectIn, Port: port}, "2345"},
		{agent.Rule{Do: agent.DropOwn, Port: port}, "1245"},
		{agent.Rule{Do: agent.Cut, Port: port, Peer: peerIP}, "3"},
		{agent.Rule{Do: agent.CutOut, Port: port, Peer: peerIP}, "3"},
		{agent.Rule{Do: agent.CutNew, Port: port, Peer: peerIP}, "35"},
		{agent.Rule{Do: agent.DropDNS}, "1234"},
		{agent.Rule{Do: agent.DropLarge, Port: port, Peer: peerIP}, "12345"},
		{agent.Rule{Do: agent.SlowDNS}, "1234"},
	} {
		if got := n.reachable(); got != "12345" {
			t.Fatalf("before %s only %q is reachable", c.rule.Do, got)
		}
		c.rule.Pod, c.rule.IP = podUID, podIP
		b := n.set(faultsOf(c.rule))
		says := "after: no answer in 1s"
		switch c.rule.Do {
		case agent.RejectIn:
			says = "after: an ICMP error"
		case agent.DropLarge:
			says = "before: a packet of 1420 bytes was answered; after: a packet of 1420 bytes was dropped"
		case agent.SlowDNS:
			says = "after: only its repetition was answered"
		}
		if len(b) != 1 || !b[0].Effective || b[0].Since == 0 || !strings.Contains(b[0].Message, says) {
			t.Errorf("%s: %+v", c.rule.Do, b)
		}
		if got := n.reachable(); got != c.works {
			t.Errorf("with %s %q is reachable, want %q", c.rule.Do, got, c.works)
		}
		// Renewing changes nothing but the counts: Since stays the same.
		again := n.set(faultsOf(c.rule))
		if len(again) != 1 || again[0].Counts.Met == 0 || again[0].Age == 0 {
			t.Fatalf("renewed: %+v", again)
		}
		if again[0].Counts, again[0].Age = b[0].Counts, b[0].Age; again[0] != b[0] {
			t.Errorf("renewed: %+v", again)
		}
		n.set(faultsOf())
	}
	if got := n.reachable(); got != "12345" || len(n.keeper.targets) != 0 || len(n.keeper.holders) != 0 {
		t.Errorf("after all faults only %q is reachable; still in the keeper: %v %v", got, n.keeper.targets, n.keeper.holders)
	}
}

// If the dial gets no answer before the rule is in place, its failure afterwards proves nothing.
func TestRuleOnAnUnreachableTargetIsNotEffective(t *testing.T) {
	n := newNetwork(t)
	n.keeper.outside = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.peer.Dial(ctx, network, "10.99.1.77:10000", peerIP)
	}
	b := n.set(faultsOf(agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}))
	if b[0].Effective || b[0].Since == 0 || !strings.HasPrefix(b[0].Message, "before: ") {
		t.Errorf("%+v", b)
	}
	n.keeper.find = func(string) (int, error) { return 0, os.ErrNotExist }
	b = n.set(faultsOf(agent.Rule{Pod: podUID, IP: podIP, Do: agent.Cut, Port: port, Peer: peerIP}))
	if b[0].Effective || b[0].Since != 0 || !strings.Contains(b[0].Message, podUID) {
		t.Errorf("a rule for a pod on another node: %+v", b)
	}
}

func TestFaultsExpireWithTheirLease(t *testing.T) {
	n := newNetwork(t)
	in := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}
	n.set(faultsOf(in))
	n.set(agent.Faults{Holder: "other", Lease: 5 * time.Second, Rules: []agent.Rule{{Pod: podUID, IP: podIP, Do: agent.DropDNS}}})
	if got := n.reachable(); got != "234" {
		t.Fatalf("with two holders %q is reachable", got)
	}
	n.now = n.now.Add(6 * time.Second)
	if messages := n.keeper.expire(); len(messages) != 1 || !strings.Contains(messages[0], "other") {
		t.Errorf("messages %q", messages)
	}
	if got := n.reachable(); got != "2345" {
		t.Errorf("after one lease has expired %q is reachable", got)
	}
	n.set(faultsOf(in))
	n.now = n.now.Add(agent.Lease - time.Second)
	if messages := n.keeper.expire(); len(messages) != 0 {
		t.Errorf("renewed in time: %q", messages)
	}
	// When the agent ends, all faults are removed, and no new ones are accepted.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.keeper.Run(ctx, func(string) {})
	if got := n.reachable(); got != "12345" {
		t.Errorf("after the end %q is reachable", got)
	}
	if b := n.set(faultsOf(in)); b[0].Since != 0 || n.reachable() != "12345" {
		t.Errorf("after the end: %+v", b)
	}
}

func TestOnlyTablesOfAnAgentThatEndedAreRemoved(t *testing.T) {
	n := newNetwork(t)
	rule := []held{{lease: 1, left: time.Minute, rules: []agent.Rule{{Pod: podUID, IP: podIP, Do: agent.DropIn, Port: port}}}}
	self, _ := proc.FS("/proc").Process(os.Getpid())
	live, dead, foreign := tableName(os.Getpid(), self.Started()), tableName(os.Getpid(), self.Started()+1), "somebody-else"
	for _, name := range []string{live, dead, foreign, prefix + "odd"} {
		if err := replaceTable(n.pod, name, rule); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := removeStale(n.pod, n.keeper.isRunning)
	if err != nil || removed != 1 {
		t.Errorf("removed %d (%v)", removed, err)
	}
	left := tablesOf(t, n.pod)
	if strings.Join(left, " ") != strings.Join([]string{live, foreign, prefix + "odd"}, " ") {
		t.Errorf("tables left: %q", left)
	}
}

func TestManyFaultsLeakNothing(t *testing.T) {
	n := newNetwork(t)
	open := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	n.set(faultsOf())
	before := open()
	for range 50 {
		if err := replaceTable(n.pod, n.keeper.table, []held{{lease: 1, left: time.Minute, rules: []agent.Rule{{Pod: podUID, IP: podIP, Do: agent.DropDNS}}}}); err != nil {
			t.Fatal(err)
		}
		if err := replaceTable(n.pod, n.keeper.table, nil); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after > before+2 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// replaceTable is replaceIn over a connection of its own.
func replaceTable(ns *netns.Handle, name string, holders []held) error {
	return inNamespace(ns, func(c *nftables.Conn) error { return replaceIn(c, name, holders) })
}
