package netns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
)

func namespace(t *testing.T) *netns.Handle {
	t.Helper()
	h, _ := netnstest.New(t)
	return h
}

// listen starts a server inside the namespace that sends one byte to each client.
func listen(t *testing.T, h *netns.Handle) string {
	t.Helper()
	return listenOn(t, h, "127.0.0.1:0")
}

func listenOn(t *testing.T, h *netns.Handle, addr string) string {
	t.Helper()
	var l net.Listener
	err := h.Do(func() error {
		var err error
		l, err = net.Listen("tcp", addr)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("x"))
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

func TestDialIsInside(t *testing.T) {
	h := namespace(t)
	addr := listen(t, h)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := h.Dial(ctx, "tcp", addr, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c2, outside := new(net.Dialer).DialContext(ctx, "tcp", addr); outside == nil {
		_ = c2.Close()
		t.Errorf("%s also answers outside the namespace: the test proves nothing", addr)
	}
	if _, err = h.Dial(ctx, "tcp", addr, "10.1.2.3"); err == nil || !strings.Contains(err.Error(), "no address of the pod's network namespace") {
		t.Errorf("a dial from an address that the pod does not have: %v", err)
	}
	if _, err = h.Dial(ctx, "tcp", "localhost:80", ""); err == nil || !strings.Contains(err.Error(), "literal") {
		t.Errorf("a host name was dialled: %v", err)
	}

	socks, err := h.TCP()
	if err != nil {
		t.Fatal(err)
	}
	var listening, ours bool
	for _, s := range socks {
		listening = listening || s.Listening && s.Local.String() == addr
		ours = ours || s.Established && s.Local.String() == c.LocalAddr().String() && s.Remote.String() == addr
	}
	if !listening || !ours {
		t.Errorf("INET_DIAG lacks the listener (%v) or our connection (%v): %+v", listening, ours, socks)
	}
}

// The same over IPv6: the pod's own address, the peer's, and the table. A listener on :: has IPv4 connections as well, which the kernel
// shows as ::ffff:127.0.0.1.
func TestDialIsInsideOverIPv6(t *testing.T) {
	_, a := netnstest.New(t)
	peer, b := netnstest.New(t)
	netnstest.Veth(t, a, b)
	h, err := netns.NewDoor(netnstest.Proc(t, a)).Pod(a, netip.MustParseAddr("fd00:99::1"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := h.Dial(ctx, "tcp", listenOn(t, peer, "[fd00:99::2]:0"), "fd00:99::1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = h.Dial(ctx, "tcp", c.RemoteAddr().String(), "fd00:99::7"); err == nil || !strings.Contains(err.Error(), "no address of the pod's network namespace") {
		t.Errorf("a dial from an address that the pod does not have: %v", err)
	}
	both := listenOn(t, h, "[::]:0")
	own := netip.MustParseAddrPort(both)
	mapped, err := h.Dial(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", own.Port()), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer mapped.Close()
	socks, err := h.TCP()
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]netns.TCPSocket{
		"the listener":                {Listening: true, Local: own},
		"the connection over IPv6":    {Established: true, Local: netip.MustParseAddrPort(c.LocalAddr().String()), Remote: netip.MustParseAddrPort(c.RemoteAddr().String())},
		"the accepted IPv4 one on ::": {Established: true, Local: netip.MustParseAddrPort(mapped.RemoteAddr().String()), Remote: netip.MustParseAddrPort(mapped.LocalAddr().String())},
	} {
		if !slices.ContainsFunc(socks, func(s netns.TCPSocket) bool {
			return s.Listening == want.Listening && s.Established == want.Established && s.Local == want.Local && (want.Listening || s.Remote == want.Remote)
		}) {
			t.Errorf("INET_DIAG lacks %s, %+v: %+v", what, want, socks)
		}
	}
}

func TestIdleTimeIsTheKernels(t *testing.T) {
	h := namespace(t)
	addr := listen(t, h)
	c, err := h.Dial(context.Background(), "tcp", addr, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	time.Sleep(300 * time.Millisecond)
	socks, err := h.TCP()
	if err != nil {
		t.Fatal(err)
	}
	local := netip.MustParseAddrPort(c.LocalAddr().String())
	for _, s := range socks {
		if s.Established && s.Local == local {
			if s.Idle < 200*time.Millisecond || s.Idle > 5*time.Second {
				t.Errorf("data came 300 ms ago, the table has %s", s.Idle)
			}
			return
		}
	}
	t.Errorf("our connection is not in the table: %+v", socks)
}

func TestThousandsOfDialsLeakNothing(t *testing.T) {
	h := namespace(t)
	addr := listen(t, h)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dial := func(n int) {
		for range n {
			c, err := h.Dial(ctx, "tcp", addr, "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if c, err := h.Dial(ctx, "tcp", "127.0.0.1:1", "127.0.0.1"); err == nil {
				_ = c.Close()
				t.Fatal("port 1 answers")
			}
		}
	}
	dial(100)
	before, threads := count(t, "fd"), count(t, "task")
	dial(1000)
	runtime.GC()
	// The listener keeps its side of each connection open until the test ends: one descriptor each.
	if after := count(t, "fd"); after > before+1000+20 {
		t.Errorf("2000 dials: %d descriptors before, %d after", before, after)
	}
	if after := count(t, "task"); after > threads+20 {
		t.Errorf("2000 dials: %d threads before, %d after", threads, after)
	}
}

func count(t *testing.T, what string) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/" + what)
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}

// Go cannot end the main thread. If it entered a namespace it would stay there, and the agent's own /proc/PID/ns would
// show that namespace.
func TestMainThreadStaysOutside(t *testing.T) {
	own, err := os.Readlink(fmt.Sprintf("/proc/self/task/%d/ns/net", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	h := namespace(t)
	for range 2000 {
		if err := h.Do(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.Readlink(fmt.Sprintf("/proc/self/task/%d/ns/net", os.Getpid())); err != nil || is != own {
		t.Errorf("the main thread is in namespace %s (%v), before it was in %s", is, err, own)
	}
}

// A dial from a namespace that is not the pod's, or no longer is, says nothing about the peer.
func TestDialFromForeignNamespace(t *testing.T) {
	h := namespace(t)
	addr := listen(t, h)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	refused := "127.0.0.1:1"
	if _, err := h.Dial(ctx, "tcp", refused, "127.0.0.1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("port 1 from the pod's own address: %v", err)
	}
	for _, to := range []string{addr, refused} {
		for _, network := range []string{"tcp", "udp"} {
			_, err := h.Dial(ctx, network, to, "10.1.2.3")
			var errno syscall.Errno
			if err == nil || errors.As(err, &errno) || !strings.Contains(err.Error(), "10.1.2.3 is no address") {
				t.Errorf("%s %s from an address that the namespace does not have: %v", network, to, err)
			}
		}
	}
	for held, want := range map[string]bool{"127.0.0.1": true, "::1": true, "10.1.2.3": false, "2001:db8::1": false} {
		if err := h.HasAddr(netip.MustParseAddr(held)); (err == nil) != want {
			t.Errorf("%s: %v", held, err)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	h, _ := netnstest.New(b)
	for b.Loop() {
		if err := h.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTCP reads the TCP table of a namespace with few connections: what it costs is the walk through those of all namespaces.
func BenchmarkTCP(b *testing.B) {
	h, _ := netnstest.New(b)
	d, err := h.Diag()
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for b.Loop() {
		if _, err := d.TCP(); err != nil {
			b.Fatal(err)
		}
	}
}
