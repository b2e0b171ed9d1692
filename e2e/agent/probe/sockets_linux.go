package probe

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// sockets reads the kernel's table, without the connections that the agent itself has made there or to there.
func (w *watch) sockets(context.Context) {
	all, err := w.ns.TCP()
	if err != nil {
		w.emit(recording.Event{Sockets: &recording.Sockets{Pod: w.pod.UID, Outcome: recording.ProbeError, Detail: detail(err)}})
		return
	}
	e := recording.Sockets{Pod: w.pod.UID, Outcome: recording.OK}
	for _, s := range all {
		switch {
		case s.Listening:
			e.Listen = append(e.Listen, s.Local.String())
		case s.Established && !w.o.ours.has(s.Local, s.Remote):
			e.Links = append(e.Links, recording.Link{Local: s.Local.String(), Remote: s.Remote.String(), Idle: s.Idle, Backoff: s.Backoff, Unsent: s.Unacked})
		}
	}
	w.emit(recording.Event{Sockets: &e})
}

// ours are the agent's own TCP connections, by their two addresses: they stand in the tables of both their ends. What the
// agents of other nodes have made cannot be told apart here; it is gone with the next look. Safe for concurrent use.
type ours struct {
	mu    sync.Mutex
	conns map[ends]time.Time // when it was closed, zero while it is open
	swept time.Time
}

type ends struct{ a, b netip.AddrPort }

// remember is how long a closed connection may still stand in a table that was read before.
const remember = time.Second

func newOurs() *ours { return &ours{conns: map[ends]time.Time{}} }

// hold takes note of a connection until it is closed. Others than TCP stand in no table and are given back as they are.
func (o *ours) hold(c net.Conn) net.Conn {
	local, isTCP := c.LocalAddr().(*net.TCPAddr)
	remote, _ := c.RemoteAddr().(*net.TCPAddr)
	if !isTCP || remote == nil {
		return c
	}
	e := ends{plain(local.AddrPort()), plain(remote.AddrPort())}
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.swept) > remember {
		o.swept = time.Now()
		for old, at := range o.conns {
			if !at.IsZero() && time.Since(at) > remember {
				delete(o.conns, old)
			}
		}
	}
	o.conns[e] = time.Time{}
	return &held{Conn: c, end: func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.conns[e] = time.Now()
	}}
}

// has tells whether a connection is the agent's, whichever of its ends is asked.
func (o *ours) has(local, remote netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, here := o.conns[ends{local, remote}]
	_, there := o.conns[ends{remote, local}]
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
