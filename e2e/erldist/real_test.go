package erldist_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
)

// TestRealNodes talks to a mesh of two real nodes, a and b.
func TestRealNodes(t *testing.T) {
	m := startMachine(t)
	startedA := m.start(t, "a@127.0.0.1")
	startedB := m.start(t, "b@127.0.0.1", "-eval", `(fun F() -> net_kernel:connect_node('a@127.0.0.1') orelse (receive after 20 -> F() end) end)()`)
	a, b := startedA(), startedB()
	mesh := connect(t, a.addr)
	if !until(t, 10*time.Second, func() bool {
		nodes, err := mesh.Nodes(within(t, long))
		return err == nil && len(nodes) == 1
	}) {
		t.Fatalf("a and b did not connect; output of b: %s", b.log())
	}
	t.Run("epmd", func(t *testing.T) { realEPMD(t, m, a) })
	t.Run("challenge leaves no log", func(t *testing.T) { realChallenge(t, a) })
	t.Run("reads", func(t *testing.T) { realReads(t, a, b) })
	t.Run("wrong cookie", func(t *testing.T) { realWrongCookie(t, a) })
	t.Run("probes at once", func(t *testing.T) { realConcurrent(t, a, b, mesh) })
	t.Run("reconnects", func(t *testing.T) { realReconnects(t, b) })
	t.Run("calls at once", func(t *testing.T) { realCalls(t, a) })
}

func realEPMD(t *testing.T, m *machine, a node) {
	names, err := erldist.Names(within(t, long), dial, m.addr)
	if err != nil || len(names) != 2 {
		t.Errorf("names: %v, %v; want a and b", names, err)
	}
	r, err := erldist.Port(within(t, long), dial, m.addr, "a")
	if err != nil || net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)) != a.addr || r.Type != erldist.NormalNode ||
		r.Protocol != 0 || r.Highest != 6 || r.Name != "a" {
		t.Errorf("port of a: %+v, %v", r, err)
	}
	_, err = erldist.Port(within(t, long), dial, m.addr, "nobody")
	if erldist.OutcomeOf(err) != erldist.NotRegistered {
		t.Errorf("port of a name that is not registered: %v", err)
	}
}

func realChallenge(t *testing.T, a node) {
	time.Sleep(100 * time.Millisecond) // reports of the start
	before := a.log()
	for range 3 {
		p, err := erldist.Challenge(within(t, long), dial, a.addr)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != a.name || p.Creation == 0 || !strings.HasPrefix(p.Status, "named:") || !strings.HasSuffix(p.Self, "@127.0.0.1") {
			t.Errorf("the challenge has %+v", p)
		}
		if missing := (erldist.FlagHandshake23 | erldist.FlagBigCreation) &^ erldist.Flags(p.Flags); missing != 0 {
			t.Errorf("the peer lacks %s", missing)
		}
	}
	time.Sleep(300 * time.Millisecond)
	if after := a.log(); after != before {
		t.Errorf("reading the challenge and disconnecting was logged: %s", after[len(before):])
	}
}

func realReads(t *testing.T, a, b node) {
	ctx := within(t, 5*time.Second)
	for _, n := range []struct{ it, other node }{{a, b}, {b, a}} {
		c := connect(t, n.it.addr)
		nodes, err := c.Nodes(ctx)
		if err != nil || len(nodes) != 1 || nodes[0] != n.other.name {
			t.Errorf("%s: nodes() = %v, %v; want %s", n.it.name, nodes, err, n.other.name)
		}
		self, err := c.Call(ctx, "erlang", "node")
		if err != nil || self != erldist.Term(erldist.Atom(n.it.name)) {
			t.Errorf("%s: node() = %v, %v", n.it.name, self, err)
		}
		otp, err := c.OTPRelease(ctx)
		if v, bad := strconv.Atoi(otp); err != nil || bad != nil || v < 23 {
			t.Errorf("%s: otp_release = %q, %v", n.it.name, otp, err)
		}
		d, err := c.NetTickTime(ctx)
		if err != nil || d != time.Minute {
			t.Errorf("%s: net_ticktime = %s, %v; want 60 s", n.it.name, d, err)
		}
		v, set, err := c.KernelEnv(ctx, "inet_dist_use_interface")
		if tuple, ok := v.(erldist.Tuple); err != nil || !set || !ok || len(tuple) != 4 || tuple[0] != erldist.Term(int64(127)) {
			t.Errorf("%s: inet_dist_use_interface = %v, %t, %v", n.it.name, v, set, err)
		}
		if v, set, err = c.KernelEnv(ctx, "inet_dist_listen_min"); err != nil || set {
			t.Errorf("%s: inet_dist_listen_min = %v, %t, %v; want it unset", n.it.name, v, set, err)
		}
		creation, err := c.Call(ctx, "erlang", "system_info", erldist.Atom("creation"))
		if err != nil || creation != erldist.Term(int64(c.Peer.Creation)) {
			t.Errorf("%s: creation = %v, %v; the challenge had %d", n.it.name, creation, err, c.Peer.Creation)
		}
		if _, err = c.Call(ctx, "net_kernel", "get_state"); err != nil && otp >= "25" {
			t.Errorf("%s: get_state: %v", n.it.name, err)
		}
		_, err = c.Call(ctx, "erlang", "halt")
		if !errors.Is(err, erldist.ErrForbidden) {
			t.Errorf("%s: erlang:halt(): %v", n.it.name, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func realWrongCookie(t *testing.T, a node) {
	before := len(a.log())
	c, err := erldist.Connect(within(t, long), dial, a.addr, erldist.NewCookie([]byte("guess")))
	if erldist.OutcomeOf(err) != erldist.ClosedAfterReply {
		t.Errorf("a wrong cookie: %v, want %s", err, erldist.ClosedAfterReply)
	}
	if c.Peer.Name != a.name || c.Peer.Creation == 0 {
		t.Errorf("a wrong cookie: the peer is %+v", c.Peer)
	}
	if err != nil && strings.Contains(err.Error(), "guess") {
		t.Errorf("the error contains the cookie: %v", err)
	}
	// The control for the test that nothing is logged: a wrong cookie is logged.
	if !until(t, 3*time.Second, func() bool {
		return strings.Contains(a.log()[before:], "rejected") || strings.Contains(a.log()[before:], "disallowed")
	}) {
		t.Errorf("a wrong cookie was not logged: %q", a.log()[before:])
	}
}

func realConcurrent(t *testing.T, a, b node, mesh *erldist.Conn) {
	const probes = 50
	ctx := within(t, 10*time.Second)
	conns := make([]*erldist.Conn, probes)
	errs := make([]error, probes)
	var all sync.WaitGroup
	for i := range probes {
		all.Go(func() {
			conns[i], errs[i] = erldist.Connect(ctx, dial, a.addr, erldist.NewCookie([]byte(realCookie)))
			if errs[i] == nil {
				_, errs[i] = conns[i].Nodes(ctx)
			}
		})
	}
	all.Wait()
	names := map[string]bool{}
	for i := range probes {
		if errs[i] != nil {
			t.Error(errs[i])
		}
		names[conns[i].Peer.Self] = true
	}
	if len(names) != probes {
		t.Errorf("%d probes have %d names", probes, len(names))
	}
	if nodes, err := mesh.Nodes(ctx); err != nil || len(nodes) != 1 || nodes[0] != b.name {
		t.Errorf("with %d probes connected, nodes() = %v, %v; want %s", probes, nodes, err, b.name)
	}
	if hidden, err := mesh.HiddenNodes(ctx); err != nil || len(hidden) != probes {
		t.Errorf("with %d probes connected, nodes(hidden) has %d others, %v", probes, len(hidden), err)
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if !until(t, 3*time.Second, func() bool {
		hidden, err := mesh.HiddenNodes(ctx)
		return err == nil && len(hidden) == 0
	}) {
		t.Error("probes that have disconnected are still in nodes(hidden)")
	}
}

// realReconnects checks that probes leave no atoms: a node gives them names from its own pool.
func realReconnects(t *testing.T, b node) {
	ctx := within(t, 10*time.Second)
	watch := connect(t, b.addr)
	atoms := func() int64 {
		n, err := watch.Call(ctx, "erlang", "system_info", erldist.Atom("atom_count"))
		if err != nil {
			t.Fatal(err)
		}
		count, ok := n.(int64)
		if !ok {
			t.Fatalf("atom_count is %v", n)
		}
		return count
	}
	round := func() {
		for range 25 {
			c := connect(t, b.addr)
			if _, err := c.Nodes(ctx); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := erldist.Challenge(ctx, dial, b.addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	round() // loads the needed modules and fills the pool of names
	// The node's own atoms may grow in some rounds; atoms of probes would grow in each round.
	least := int64(1 << 40)
	for range 3 {
		before := atoms()
		round()
		least = min(least, atoms()-before)
	}
	if least > 0 {
		t.Errorf("25 connections and 25 challenges in sequence leave %d atoms", least)
	}
}

func realCalls(t *testing.T, a node) {
	c := connect(t, a.addr)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			ctx := within(t, 5*time.Second)
			if i%2 == 0 {
				if nodes, err := c.Nodes(ctx); err != nil || len(nodes) != 1 {
					t.Errorf("nodes() = %v, %v", nodes, err)
				}
			} else if otp, err := c.OTPRelease(ctx); err != nil || len(otp) != 2 {
				t.Errorf("otp_release = %q, %v", otp, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkReal(b *testing.B) {
	m := startMachine(b)
	n := m.start(b, "bench@127.0.0.1")()
	b.Run("epmd names", func(b *testing.B) {
		for b.Loop() {
			if _, err := erldist.Names(context.Background(), dial, m.addr); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("challenge", func(b *testing.B) {
		for b.Loop() {
			if _, err := erldist.Challenge(context.Background(), dial, n.addr); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("handshake", func(b *testing.B) {
		for b.Loop() {
			c, err := erldist.Connect(context.Background(), dial, n.addr, erldist.NewCookie([]byte(realCookie)))
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nodes", func(b *testing.B) {
		c := connect(b, n.addr)
		for b.Loop() {
			if _, err := c.Nodes(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
