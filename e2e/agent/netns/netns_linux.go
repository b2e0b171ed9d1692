// Package netns runs functions inside another network namespace. Its doors prove whose namespace it is before they open it.
//
// In: a process, the address of its pod, and a function. Out: the function's result. The thread that entered the namespace comes back or ends
// afterwards, so that no other goroutine can run in a foreign namespace.
package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent/netns/internal/enter"
)

// Handle keeps a namespace open, even after its last process has exited. Only a [Door] makes one.
type Handle struct {
	f    *os.File
	node bool
}

func open(path string) (*Handle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Handle{f: f}, nil
}

// Node reports whether it is the node's namespace, which a pod with hostNetwork uses.
func (h *Handle) Node() bool { return h.node }

// Close closes the handle. The namespace ends with its last process and handle.
func (h *Handle) Close() error { return h.f.Close() }

// Same reports whether path is the same namespace. The error is set if path is no namespace, for example because its
// process has exited.
func (h *Handle) Same(path string) (bool, error) {
	its, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	ours, err := h.f.Stat()
	return os.SameFile(its, ours), err
}

// Equal reports whether both are the same namespace.
func (h *Handle) Equal(other *Handle) bool {
	ours, err := h.f.Stat()
	its, failed := other.f.Stat()
	return err == nil && failed == nil && os.SameFile(ours, its)
}

// Do runs f on a separate thread that has entered the namespace. f must make its system calls on its own goroutine:
// other goroutines that it starts run outside the namespace.
func (h *Handle) Do(f func() error) error { return enter.Do(h.f, f) }

// HasAddr returns an error if addr is not an address of the namespace. A namespace that is being removed has lost its
// addresses, and a container that has just started may still be in its parent's namespace.
func (h *Handle) HasAddr(addr netip.Addr) error {
	return h.Do(func() error { return hasAddr(addr) })
}

// hasAddr binds a temporary socket to addr: the kernel allows it only for an address of the namespace.
func hasAddr(addr netip.Addr) error {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: addr.As16()})
	if addr = addr.Unmap(); addr.Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Addr: addr.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, to); err != nil {
		// Not wrapped: a caller must not take this errno for the peer's.
		return fmt.Errorf("%s is no address of the pod's network namespace: %v", addr, err)
	}
	return nil
}

// Socket creates a socket inside the namespace. A socket stays in the namespace where it was created and may be used
// from any thread.
func (h *Handle) Socket(family, typ, proto int) (fd int, err error) {
	err = h.Do(func() error {
		fd, err = socket(family, typ, proto)
		return err
	})
	return fd, err
}

// Dial connects from inside the namespace to a literal address ("10.0.0.7:4369"; tcp or udp). from is the local address
// that the connection must have, "" for any. If the namespace does not have that address, the result of a dial says
// nothing about the peer: the error then wraps no network error.
func (h *Handle) Dial(ctx context.Context, network, addr, from string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return nil, fmt.Errorf("dial %s: only literal addresses are allowed: %w", addr, err)
	}
	var own netip.Addr
	if from != "" {
		var err error
		if own, err = netip.ParseAddr(from); err != nil {
			return nil, fmt.Errorf("dial from %s: the pod's own address is not valid: %w", from, err)
		}
	}
	d := net.Dialer{
		// The dialer creates the socket on any thread. Control runs before it connects and replaces the socket with one
		// from inside the namespace, under the same descriptor.
		Control: func(network, _ string, raw syscall.RawConn) error { return h.replaceSocket(network, raw, own) },
	}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		if own.IsValid() && !errors.Is(ctx.Err(), context.Canceled) {
			if lost := h.HasAddr(own); lost != nil {
				return nil, lost // the address was removed during the dial
			}
		}
		return nil, err
	}
	if local := c.LocalAddr().String(); own.IsValid() && !hasLocalAddr(local, own) {
		_ = c.Close()
		return nil, fmt.Errorf("dialled from %s, not from the pod's own address %s", local, from)
	}
	return c, nil
}

func hasLocalAddr(local string, own netip.Addr) bool {
	l, err := netip.ParseAddrPort(local)
	return err == nil && l.Addr().Unmap() == own.Unmap()
}

// replaceSocket replaces the dialer's new socket with one from inside the namespace, which must have the address own.
func (h *Handle) replaceSocket(network string, raw syscall.RawConn, own netip.Addr) error {
	family, typ := unix.AF_INET, unix.SOCK_STREAM
	if network[len(network)-1] == '6' {
		family = unix.AF_INET6
	}
	if network[:3] == "udp" {
		typ = unix.SOCK_DGRAM
	}
	var inside int
	err := h.Do(func() error {
		if own.IsValid() {
			if err := hasAddr(own); err != nil {
				return err
			}
		}
		var err error
		inside, err = socket(family, typ, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(inside)
	if err := setTTL(inside, family); err != nil {
		return err
	}
	var dup error
	if err := raw.Control(func(fd uintptr) { dup = unix.Dup3(inside, int(fd), unix.O_CLOEXEC) }); err != nil {
		return err
	}
	return dup
}

// OwnTTL is the time to live of the packets that a dial sends. Whoever captures the namespace's packets recognizes the agent's own
// by it, from the first one on; no system has it as its default.
const OwnTTL = 250

func setTTL(fd, family int) error {
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if family == unix.AF_INET6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	if err := unix.SetsockoptInt(fd, level, option, OwnTTL); err != nil {
		return fmt.Errorf("set the time to live: %v", err)
	}
	return nil
}

func socket(family, typ, proto int) (int, error) {
	return unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
}
