package probe

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/recording"
)

// sockets gives the function that reads the kernel's table, without the connections that the agent itself has made there or
// to there. The way to the kernel stays open from one look to the next.
func (w *watch) sockets() (look func(context.Context), end func()) {
	var kernel *netns.Diag
	end = func() {
		if kernel != nil {
			_ = kernel.Close()
			kernel = nil
		}
	}
	return func(context.Context) {
		var all []netns.TCPSocket
		var err error
		if kernel == nil {
			kernel, err = w.ns.Diag()
		}
		if err == nil {
			all, err = kernel.TCP()
		}
		if err != nil {
			end()
			w.emit(recording.Event{Sockets: &recording.Sockets{Pod: w.pod.UID, Outcome: recording.ProbeError, Detail: detail(err)}})
			return
		}
		w.emit(recording.Event{Sockets: w.table(all)})
	}, end
}

func (w *watch) table(all []netns.TCPSocket) *recording.Sockets {
	e := recording.Sockets{Pod: w.pod.UID, Outcome: recording.OK}
	for _, s := range all {
		switch {
		case s.Listening:
			e.Listen = append(e.Listen, s.Local.String())
		case s.Established && !w.o.ours.has(true, s.Local, s.Remote):
			e.Links = append(e.Links, recording.Link{Local: s.Local.String(), Remote: s.Remote.String(), Idle: s.Idle, Backoff: s.Backoff, Unsent: s.Unacked})
		}
	}
	return &e
}

// ours are the agent's own connections, by their two addresses: TCP's stand in the tables of both their ends, and DNS
// questions are heard as they leave. What the agents of other nodes have made cannot be told apart here; it is gone with
// the next look. Safe for concurrent use.
type ours struct {
	mu    sync.Mutex
	conns map[ends]time.Time // when it is forgotten, zero while it is open
	swept time.Time
}

type ends struct {
	tcp  bool
	a, b netip.AddrPort
}

// remember is how long a closed connection may still stand in a table that was read before, and rememberDNS how long a
// question that went over it may wait to be heard on a busy machine.
const (
	remember    = time.Second
	rememberDNS = 15 * time.Second
	dnsPort     = 53
)

func newOurs() *ours { return &ours{conns: map[ends]time.Time{}} }

// hold takes note of a connection until it is closed.
func (o *ours) hold(c net.Conn) net.Conn {
	switch c := c.(type) {
	case *net.TCPConn:
		return &held{Conn: c, end: o.note(c, true)}
	case *net.UDPConn:
		return &heldUDP{UDPConn: c, end: o.note(c, false)}
	}
	return c
}

// note gives the function that is to be called when the connection is closed.
func (o *ours) note(c net.Conn, tcp bool) (end func()) {
	local, bad := netip.ParseAddrPort(c.LocalAddr().String())
	remote, worse := netip.ParseAddrPort(c.RemoteAddr().String())
	if bad != nil || worse != nil {
		return func() {} // only literal addresses are dialled
	}
	e, keep := ends{tcp, plain(local), plain(remote)}, remember
	if remote.Port() == dnsPort {
		keep = rememberDNS
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.swept) > remember {
		o.swept = now
		for old, until := range o.conns {
			if !until.IsZero() && now.After(until) {
				delete(o.conns, old)
			}
		}
	}
	o.conns[e] = time.Time{}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.conns[e] = time.Now().Add(keep)
	}
}

// has reports whether a connection is the agent's, whichever of its ends is asked.
func (o *ours) has(tcp bool, local, remote netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, here := o.conns[ends{tcp, local, remote}]
	_, there := o.conns[ends{tcp, remote, local}]
	return here || there
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// held is a connection that says when it is closed.
type held struct {
	net.Conn
	end  func()
	once sync.Once
}

// Close closes the connection.
func (h *held) Close() error {
	h.once.Do(h.end)
	return h.Conn.Close()
}

// heldUDP is the same for datagrams; that it is a net.PacketConn, too, tells the DNS library how to frame.
type heldUDP struct {
	*net.UDPConn
	end  func()
	once sync.Once
}

// Close closes the connection.
func (h *heldUDP) Close() error {
	h.once.Do(h.end)
	return h.UDPConn.Close()
}
