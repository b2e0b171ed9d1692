package erldist_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
)

// link connects to a fake node with options.
func link(t *testing.T, n erldisttest.Node, o erldist.Options) (*erldist.Conn, *erldisttest.Server) {
	t.Helper()
	n.Name, n.Cookie = "a@10.0.0.7", secret
	s := n.Start(t)
	h, err := erldist.Begin(within(t, long), dial, s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Prove(within(t, long), erldist.NewCookie([]byte(secret)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, s
}

// ended waits for the end of a connection and returns its reason.
func ended(t *testing.T, c *erldist.Conn) error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(3 * time.Second):
		t.Fatal("the connection did not end in 3 s")
	}
	return c.Err()
}

func TestTicks(t *testing.T) {
	t.Parallel()
	t.Run("the peer's are answered", func(t *testing.T) {
		t.Parallel()
		c, s := link(t, erldisttest.Node{Tick: 20 * time.Millisecond, TickTime: time.Second}, erldist.Options{Tick: -1})
		if !until(t, 2*time.Second, func() bool { return s.Seen().Ticks >= 3 }) {
			t.Errorf("the fake's counts are %d ticks", s.Seen().Ticks)
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
	t.Run("our own are sent", func(t *testing.T) {
		t.Parallel()
		c, s := link(t, erldisttest.Node{TickTime: 500 * time.Millisecond}, erldist.Options{Tick: 30 * time.Millisecond})
		time.Sleep(700 * time.Millisecond)
		if nodes, err := c.Nodes(within(t, long)); err != nil || len(nodes) != 0 {
			t.Errorf("a call on a connection with ticks: %v, %v", nodes, err)
		}
		if seen := s.Seen(); seen.Ticks < 5 || seen.TimedOut != 0 {
			t.Errorf("the fake's counts are %+v", seen)
		}
	})
	t.Run("without any the peer drops us", func(t *testing.T) {
		t.Parallel()
		c, s := link(t, erldisttest.Node{TickTime: 50 * time.Millisecond}, erldist.Options{Tick: -1})
		if err := ended(t, c); erldist.OutcomeOf(err) != erldist.Closed || s.Seen().TimedOut != 1 {
			t.Errorf("%v, %+v", err, s.Seen())
		}
		if _, err := c.Nodes(within(t, long)); erldist.OutcomeOf(err) != erldist.Closed {
			t.Errorf("a call afterwards: %v", err)
		}
	})
	t.Run("a silent peer is dropped", func(t *testing.T) {
		t.Parallel()
		c, _ := link(t, erldisttest.Node{}, erldist.Options{Silence: 50 * time.Millisecond})
		if err := ended(t, c); erldist.OutcomeOf(err) != erldist.Silent || !strings.Contains(err.Error(), "not even a tick") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a ticking peer is not", func(t *testing.T) {
		t.Parallel()
		c, _ := link(t, erldisttest.Node{Tick: 20 * time.Millisecond}, erldist.Options{Silence: 300 * time.Millisecond})
		time.Sleep(500 * time.Millisecond)
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
}

func TestFrameLimit(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("n%d@10.0.0.%d", i, i)
	}
	node := erldisttest.Node{Nodes: func() (visible, hidden []string) { return many, nil }}
	c, _ := link(t, node, erldist.Options{})
	if nodes, err := c.Nodes(within(t, long)); err != nil || len(nodes) != len(many) || nodes[99] != many[99] {
		t.Errorf("%v, %v", nodes, err)
	}
	c, _ = link(t, node, erldist.Options{MaxFrame: 500})
	if _, err := c.Nodes(within(t, long)); erldist.OutcomeOf(err) != erldist.Malformed || !strings.Contains(err.Error(), "the limit is 500") {
		t.Errorf("a frame that is too long: %v", err)
	}
	if err := ended(t, c); erldist.OutcomeOf(err) != erldist.Malformed {
		t.Error(err)
	}
}

// Calls overlap, the node answers them in another order, and each gets its own reply.
func TestEachCallGetsItsReply(t *testing.T) {
	t.Parallel()
	c, s := link(t, erldisttest.Node{Behaviour: erldisttest.SlowOnCall, Creation: 77}, erldist.Options{})
	calls := []func(context.Context) (string, error){
		func(ctx context.Context) (string, error) {
			v, err := c.Call(ctx, "erlang", "system_info", erldist.Atom("creation"))
			return fmt.Sprint(v), err
		},
		func(ctx context.Context) (string, error) { return c.OTPRelease(ctx) },
		func(ctx context.Context) (string, error) {
			d, err := c.NetTickTime(ctx)
			return d.String(), err
		},
	}
	want := []string{"77", "27", "1m0s"}
	var all sync.WaitGroup
	began := time.Now()
	for i := range 30 {
		all.Go(func() {
			if got, err := calls[i%3](within(t, 3*time.Second)); err != nil || got != want[i%3] {
				t.Errorf("%q, %v; want %q", got, err, want[i%3])
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > time.Second {
		t.Errorf("thirty calls of 100 ms took %s: they ran one after the other", took)
	}
	if n := len(s.Seen().Calls); n != 30 {
		t.Errorf("the fake's counts are %d calls", n)
	}
}

// A call whose context has ended leaves the connection usable: its late reply is dropped.
func TestLateReplyIsDropped(t *testing.T) {
	t.Parallel()
	c, s := link(t, erldisttest.Node{Behaviour: erldisttest.SlowOnCall}, erldist.Options{})
	if _, err := c.OTPRelease(within(t, 20*time.Millisecond)); erldist.OutcomeOf(err) != erldist.Silent {
		t.Errorf("a call with a short timeout: %v", err)
	}
	if nodes, err := c.Nodes(within(t, long)); err != nil || len(nodes) != 0 {
		t.Errorf("the call after it: %v, %v", nodes, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if seen := s.Seen(); seen.Connections != 1 || len(seen.Calls) != 2 {
		t.Errorf("the fake's counts are %+v", seen)
	}
}

// A node that still has to reply would connect to a client that has disconnected.
func TestCloseWaitsForReplies(t *testing.T) {
	t.Parallel()
	t.Run("that come", func(t *testing.T) {
		t.Parallel()
		c, s := link(t, erldisttest.Node{Behaviour: erldisttest.SlowOnCall}, erldist.Options{})
		result := make(chan error, 1)
		go func() {
			_, err := c.Nodes(context.Background())
			result <- err
		}()
		if !until(t, time.Second, func() bool { return len(c.Peer.Name) > 0 && s.Seen().Connected == 1 }) {
			t.Fatal("not connected")
		}
		time.Sleep(30 * time.Millisecond) // the call has been sent
		late := make(chan error, 1)
		time.AfterFunc(30*time.Millisecond, func() { // Close waits by then
			_, err := c.OTPRelease(context.Background())
			late <- err
		})
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("Close took %s for a reply that came after 150 ms", took)
		}
		if err := <-late; erldist.OutcomeOf(err) != erldist.Failed || !strings.Contains(err.Error(), "this side has closed the connection") {
			t.Errorf("a call during Close: %v", err)
		}
		if err := <-result; err != nil {
			t.Errorf("the outstanding call: %v", err)
		}
		if !until(t, time.Second, func() bool { return s.Seen().Ended == 1 }) || s.Seen().Unanswered != 0 {
			t.Errorf("the fake's counts are %+v", s.Seen())
		}
		if _, err := c.Nodes(within(t, long)); erldist.OutcomeOf(err) != erldist.Failed {
			t.Errorf("a call after Close: %v", err)
		}
		if err := c.Err(); erldist.OutcomeOf(err) != erldist.Failed {
			t.Errorf("the reason of a connection that this side closed: %v", err)
		}
	})
	t.Run("that do not come", func(t *testing.T) {
		t.Parallel()
		c, s := link(t, erldisttest.Node{Behaviour: erldisttest.SilentOnCall}, erldist.Options{Drain: 100 * time.Millisecond})
		if _, err := c.Nodes(within(t, 20*time.Millisecond)); erldist.OutcomeOf(err) != erldist.Silent {
			t.Errorf("a call without reply: %v", err)
		}
		began := time.Now()
		err := c.Close()
		if erldist.OutcomeOf(err) != erldist.Silent || !strings.Contains(err.Error(), "1 replies outstanding") {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took < 90*time.Millisecond || took > time.Second {
			t.Errorf("Close took %s", took)
		}
		if !until(t, time.Second, func() bool { return s.Seen().Unanswered == 1 }) {
			t.Errorf("the fake's counts are %+v", s.Seen())
		}
		if err := c.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

func TestCallsWithoutReplyAreLimited(t *testing.T) {
	t.Parallel()
	c, s := link(t, erldisttest.Node{Behaviour: erldisttest.SilentOnCall}, erldist.Options{Drain: time.Millisecond})
	var last error
	for range 70 {
		_, last = c.Nodes(within(t, 2*time.Millisecond))
	}
	if erldist.OutcomeOf(last) != erldist.Silent || !strings.Contains(last.Error(), "64 calls have no reply yet") {
		t.Errorf("the seventieth call: %v", last)
	}
	if n := len(s.Seen().Calls); n > 64 {
		t.Errorf("the fake's counts are %d calls", n)
	}
}

func TestForbiddenCallIsNotSent(t *testing.T) {
	t.Parallel()
	c, s := link(t, erldisttest.Node{}, erldist.Options{})
	_, err := c.Call(within(t, long), "erlang", "halt")
	if !errors.Is(err, erldist.ErrForbidden) || erldist.OutcomeOf(err) != erldist.Failed {
		t.Error(err)
	}
	if _, _, err := c.KernelEnv(within(t, long), "erlang_cookie"); !errors.Is(err, erldist.ErrForbidden) {
		t.Error(err)
	}
	if _, set, err := c.KernelEnv(within(t, long), "net_ticktime"); err != nil || set {
		t.Errorf("net_ticktime: %t, %v", set, err)
	}
	if calls := s.Seen().Calls; len(calls) != 1 || calls[0] != "application:get_env" {
		t.Errorf("the fake was called: %v", calls)
	}
}

func TestLateStatusIsMeasured(t *testing.T) {
	t.Parallel()
	s := erldisttest.Node{Name: "a@10.0.0.7", Cookie: secret, Delay: 100 * time.Millisecond}.Start(t)
	p, err := erldist.Challenge(within(t, long), dial, s.Addr)
	if err != nil || p.Waited < 100*time.Millisecond || p.Waited > time.Second {
		t.Errorf("a status after 100 ms: %s, %v", p.Waited, err)
	}
}

func TestHandshakeEndsOnce(t *testing.T) {
	t.Parallel()
	s := erldisttest.Node{Name: "a@10.0.0.7", Cookie: secret, Creation: 5}.Start(t)
	h, err := erldist.Begin(within(t, long), dial, s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %d", h, h, h, h); strings.Contains(text, fmt.Sprint(erldisttest.Challenge)) || strings.Contains(text, "0xdeadbeef") {
		t.Errorf("a handshake prints its challenge: %s", text)
	}
	h.Close()
	h.Close()
	c, err := h.Prove(within(t, long), erldist.NewCookie([]byte(secret)), erldist.Options{})
	if erldist.OutcomeOf(err) != erldist.Failed || c.Peer.Creation != 5 {
		t.Errorf("a proof after the end: %v, %+v", err, c.Peer)
	}
	if n := s.Seen().Connected; n != 0 {
		t.Errorf("%d connections", n)
	}
}
