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

// sockets returns a function that records the kernel's TCP table without the agent's own connections. The netlink socket
// stays open between calls.
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
			w.emit(recording.Event{Sockets: &recording.Sockets{Pod: w.pod.UID, Outcome: recording.ProbeError, Detail: errorText(err)}})
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
		case s.Established && !w.o.conns.contains(true, s.Local, s.Remote):
			e.Links = append(e.Links, recording.Link{Local: s.Local.String(), Remote: s.Remote.String(), Idle: s.Idle, Backoff: s.Backoff, Unsent: s.Unacked})
		}
	}
	return &e
}

// ownConns are the agent's own connections, by their two addresses. A TCP connection is in the tables of both ends, and
// DNS questions are captured when they leave. Connections of agents on other nodes cannot be recognized; they are gone
// at the next reading. Safe for concurrent use.
type ownConns struct {
	mu    sync.Mutex
	conns map[connKey]time.Time // when the entry expires, zero while the connection is open
	swept time.Time
}

type connKey struct {
	tcp  bool
	a, b netip.AddrPort
}

// keepClosed is how long entries of closed connections are kept: a table that was read before still has them. keepClosedDNS
// is longer, because on a busy machine captured questions are read late.
const (
	keepClosed    = time.Second
	keepClosedDNS = 15 * time.Second
	dnsPort       = 53
)

func newOwnConns() *ownConns { return &ownConns{conns: map[connKey]time.Time{}} }

// track adds the connection until it is closed.
func (o *ownConns) track(c net.Conn) net.Conn {
	switch c := c.(type) {
	case *net.TCPConn:
		return &trackedConn{Conn: c, end: o.add(c, true)}
	case *net.UDPConn:
		return &trackedUDPConn{UDPConn: c, end: o.add(c, false)}
	}
	return c
}

// add returns a function to be called when the connection is closed.
func (o *ownConns) add(c net.Conn, tcp bool) (end func()) {
	local, bad := netip.ParseAddrPort(c.LocalAddr().String())
	remote, worse := netip.ParseAddrPort(c.RemoteAddr().String())
	if bad != nil || worse != nil {
		return func() {} // cannot happen: only literal addresses are dialled
	}
	e, keep := connKey{tcp, normalize(local), normalize(remote)}, keepClosed
	if remote.Port() == dnsPort {
		keep = keepClosedDNS
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.swept) > keepClosed {
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

// contains reports whether a connection is the agent's, seen from either end.
func (o *ownConns) contains(tcp bool, local, remote netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, here := o.conns[connKey{tcp, local, remote}]
	_, there := o.conns[connKey{tcp, remote, local}]
	return here || there
}

func normalize(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// trackedConn is a connection that calls end when it is closed.
type trackedConn struct {
	net.Conn
	end  func()
	once sync.Once
}

// Close closes the connection.
func (h *trackedConn) Close() error {
	h.once.Do(h.end)
	return h.Conn.Close()
}

// trackedUDPConn is the same for UDP. It is also a net.PacketConn, by which the DNS library knows that messages have no
// length prefix.
type trackedUDPConn struct {
	*net.UDPConn
	end  func()
	once sync.Once
}

// Close closes the connection.
func (h *trackedUDPConn) Close() error {
	h.once.Do(h.end)
	return h.UDPConn.Close()
}
