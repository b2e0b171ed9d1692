package fault

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
)

// linked is a link between the pod and its peer, on which both ends talk all the time, as nodes do.
type linked struct {
	pod, peer net.Conn
	ended     [2]chan error // of the pod's end, and of the peer's
	heard     [2]chan struct{}
}

func link2(t *testing.T, n *network) *linked {
	t.Helper()
	const distribution = 10001
	var l net.Listener
	if err := n.peer.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(peerIP, strconv.Itoa(distribution)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x := &linked{}
	var err error
	if x.pod, err = n.pod.Dial(t.Context(), "tcp4", l.Addr().String(), podIP); err != nil {
		t.Fatal(err)
	}
	if x.peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for i, c := range []net.Conn{x.pod, x.peer} {
		x.ended[i], x.heard[i] = make(chan error, 2), make(chan struct{}, 1)
		t.Cleanup(func() { _ = c.Close() })
		go func() {
			for {
				if _, err := c.Write([]byte("tick")); err != nil {
					x.ended[i] <- err
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		go func() {
			for b := make([]byte, 64); ; {
				if _, err := c.Read(b); err != nil {
					x.ended[i] <- err
					return
				}
				select {
				case x.heard[i] <- struct{}{}:
				default:
				}
			}
		}()
	}
	return x
}

// hears reports whether that end still hears the other.
func (x *linked) hears(end int, within time.Duration) bool {
	select {
	case <-x.heard[end]: // an old one
	default:
	}
	select {
	case <-x.heard[end]:
		return true
	case <-time.After(within):
		return false
	}
}

func ofLink(do string) agent.Rule {
	return agent.Rule{Pod: podUID, IP: podIP, Do: do, Peer: peerIP, Port: 10001}
}

// listens lets the peer answer dials to the port of the link.
func listens(t *testing.T, n *network) { listen(t, n.peer, 10001) }

// A fault of a link is one only if the link that is open is dead, and it says so.
func TestWhatAFaultDoesToAnOpenLinkIsCounted(t *testing.T) {
	for _, c := range []struct {
		do                  string
		podHears, peerHears bool
		bites               bool
	}{
		{agent.Cut, false, false, true},
		{agent.CutOut, true, false, true},
		{agent.CutNew, true, true, false},
		{agent.DropLarge, true, true, false}, // until there is a large message
	} {
		n := newNetwork(t)
		x := link2(t, n)
		listens(t, n)
		r := ofLink(c.do)
		b := n.set(faultsOf(r))
		if !b[0].Effective || !strings.Contains(b[0].Counts.Links, podIP+":") || !b[0].Counts.Known {
			t.Fatalf("%s: %+v", c.do, b)
		}
		time.Sleep(300 * time.Millisecond)
		if c.do != agent.CutOut { // what is on its way may still arrive, and its acknowledgement does not
			if got := x.hears(0, 300*time.Millisecond); got != c.podHears {
				t.Errorf("%s: the pod hears: %v", c.do, got)
			}
		}
		if got := x.hears(1, 300*time.Millisecond); got != c.peerHears {
			t.Errorf("%s: the peer hears: %v", c.do, got)
		}
		b = n.set(faultsOf(r))
		if (b[0].Counts.OfLinks > 0) != c.bites {
			t.Errorf("%s: %s", c.do, b[0].Counts)
		}
		// A second rule replaces the table, and nothing that was counted is lost.
		other := agent.Rule{Pod: podUID, IP: podIP, Do: agent.DropDNS}
		if both := n.set(faultsOf(r, other)); both[0].Counts.Met < b[0].Counts.Met || both[0].Counts.OfLinks < b[0].Counts.OfLinks {
			t.Errorf("%s: first %s, then %s", c.do, b[0].Counts, both[0].Counts)
		}
		s := n.set(healed(r, other))
		if !s[0].Gone || s[0].Counts.OfLinks < b[0].Counts.OfLinks || !strings.Contains(s[0].Message, "removed; a dial: a") || s[0].Age <= 0 {
			t.Errorf("%s: %+v", c.do, s)
		}
		if !x.hears(1, 3*time.Second) || !x.hears(0, 3*time.Second) || len(tablesOf(t, n.pod)) > 0 {
			t.Errorf("%s: the link is still dead after it was healed; tables %q", c.do, tablesOf(t, n.pod))
		}
	}
}

// Ticks pass, and the first large message stalls the link.
func TestALargeMessageStallsALinkThatDropsLargePackets(t *testing.T) {
	n := newNetwork(t)
	x := link2(t, n)
	listens(t, n)
	r := ofLink(agent.DropLarge)
	n.set(faultsOf(r))
	if !x.hears(1, time.Second) {
		t.Error("small messages do not pass")
	}
	if _, err := x.pod.Write(make([]byte, 8000)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if x.hears(1, 500*time.Millisecond) {
		t.Error("a large message does not stall the link")
	}
	if b := n.set(faultsOf(r)); b[0].Counts.OfLinks == 0 {
		t.Errorf("%+v", b)
	}
}

// A blip is over after the time that was asked for, and the link has survived it.
func TestABlipLastsAsLongAsItShould(t *testing.T) {
	n := newNetwork(t)
	x := link2(t, n)
	listens(t, n)
	for _, ms := range []int{5, 50, 500} {
		r := ofLink(agent.Cut)
		r.For = time.Duration(ms) * time.Millisecond
		s := n.set(agent.Faults{Holder: "h", Brief: []agent.Rule{r}})
		if len(s) != 1 || s[0].Rule != r || !s[0].Effective || !s[0].Gone || s[0].Lasted < r.For || s[0].Counts.Met == 0 || !strings.Contains(s[0].Message, "was answered after 1.") {
			t.Errorf("%d ms: %+v", ms, s)
		}
		t.Logf("%+v", s[0])
		if ms == 500 && s[0].Counts.OfLinks == 0 {
			t.Error("no packet of the link was lost")
		}
		if len(tablesOf(t, n.pod)) > 0 || !x.hears(0, 2*time.Second) || !x.hears(1, 2*time.Second) {
			t.Errorf("%d ms: not over: %q", ms, tablesOf(t, n.pod))
		}
	}
}

// Both ends of a link that is reset get ECONNRESET, and a new one can be made at once.
func TestAResetEndsALinkAtBothEnds(t *testing.T) {
	n := newNetwork(t)
	x := link2(t, n)
	listens(t, n)
	r := ofLink(agent.Reset)
	r.For = 5 * time.Second
	s := n.set(agent.Faults{Holder: "h", Brief: []agent.Rule{r}})
	if !s[0].Effective || !s[0].Gone || s[0].Lasted >= r.For || !strings.Contains(s[0].Message, "of 1 open links 0 are left") {
		t.Errorf("%+v", s)
	}
	for end := range x.ended {
		select {
		case err := <-x.ended[end]:
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("end %d: %v", end, err)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("end %d was closed and not reset", end)
			}
		case <-time.After(time.Second):
			t.Errorf("end %d is still open", end)
		}
	}
	if !reaches(n.pod, podIP, peerIP+":10001") || len(tablesOf(t, n.pod)) > 0 {
		t.Error("no new link can be made")
	}
}

// A container that was killed leaves its pod's network namespace, which the sandbox holds, with the fault in it. It is healed all the same.
func TestAFaultIsHealedAfterItsContainerWasKilled(t *testing.T) {
	n := newNetwork(t)
	r := agent.Rule{Pod: podUID, IP: podIP, Do: agent.Cut, Port: port, Peer: peerIP}
	n.set(faultsOf(r))
	find := n.keeper.find
	n.keeper.find = func(string) (int, error) { return 0, os.ErrNotExist }
	if b := n.set(faultsOf(r)); b[0].Since == 0 || n.reachable() != "3" {
		t.Errorf("renewed without a process: %+v, reachable %q", b, n.reachable())
	}
	s := n.set(healed(r))
	if !s[0].Gone || !strings.Contains(s[0].Message, "removed; a dial: accepted") || len(tablesOf(t, n.pod)) > 0 || n.reachable() != "12345" {
		t.Errorf("%+v, reachable %q, tables %q", s, n.reachable(), tablesOf(t, n.pod))
	}
	// The container is started again in the same namespace.
	n.keeper.find = find
	n.set(faultsOf(r))
	if s = n.set(healed(r)); !s[0].Gone || !strings.Contains(s[0].Message, "a dial: accepted") || n.reachable() != "12345" || len(n.keeper.targets) > 0 {
		t.Errorf("%+v", s)
	}
}
