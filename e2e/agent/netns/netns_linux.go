// Package netns does things from inside another network namespace.
//
// In: a namespace file and a function. Out: what the function did there. The thread that entered is thrown away, so that
// no other goroutine ever finds itself in a foreign namespace.
package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handle keeps a namespace open, even after its last process has ended.
type Handle struct{ f *os.File }

// Open takes hold of the namespace at path (/proc/PID/ns/net).
func Open(path string) (*Handle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Handle{f}, nil
}

// Close lets the namespace go.
func (h *Handle) Close() error { return h.f.Close() }

// Is says whether path is the same namespace. An error means that path is none, such as that of a process that has gone.
func (h *Handle) Is(path string) (bool, error) {
	its, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	ours, err := h.f.Stat()
	return os.SameFile(its, ours), err
}

// Do runs f on a thread of its own that has entered the namespace. f must do its system calls itself, on the goroutine
// it is called on: whatever it starts elsewhere runs outside.
func (h *Handle) Do(f func() error) error {
	done := make(chan error, 1)
	go h.inside(f, done)
	return <-done
}

func (h *Handle) inside(f func() error, done chan<- error) {
	// Never unlocked: when the goroutine ends, Go ends the thread with it.
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Except for the main thread, which cannot be ended: Go would park it inside for good. While it is held here,
		// the work cannot get it again.
		defer runtime.UnlockOSThread()
		done <- h.Do(f)
		return
	}
	if err := unix.Setns(int(h.f.Fd()), unix.CLONE_NEWNET); err != nil {
		done <- fmt.Errorf("entering the network namespace: %w", err)
		return
	}
	done <- f()
}

// Holds reports whether addr is an address of the namespace; the error says what was seen instead. A namespace that is
// being torn down has lost its addresses, and that of a container that has only just begun may be its parent's.
func (h *Handle) Holds(addr netip.Addr) error {
	return h.Do(func() error { return holds(addr) })
}

// holds asks the kernel by binding a socket that is used for nothing else.
func holds(addr netip.Addr) error {
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
		// Not wrapped: the peer has no part in it.
		return fmt.Errorf("%s is no address of the pod's network namespace: %v", addr, err)
	}
	return nil
}

// Socket makes a socket inside the namespace. A socket belongs to the namespace it was made in, for life: it
// may be used from any thread afterwards.
func (h *Handle) Socket(family, typ, proto int) (fd int, err error) {
	err = h.Do(func() error {
		fd, err = socket(family, typ, proto)
		return err
	})
	return fd, err
}

// Dial connects from inside the namespace to a literal address ("10.0.0.7:4369"; tcp or udp). from, unless empty, is the
// address that the connection must have on this side. Whatever a dial comes to in a namespace that does not hold it
// says nothing about the peer, and is an error that wraps none of the network's.
func (h *Handle) Dial(ctx context.Context, network, addr, from string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return nil, fmt.Errorf("only literal addresses are dialled: %w", err)
	}
	var own netip.Addr
	if from != "" {
		var err error
		if own, err = netip.ParseAddr(from); err != nil {
			return nil, fmt.Errorf("the pod's own address: %w", err)
		}
	}
	d := net.Dialer{
		// The socket is made by the dialer on a thread we do not choose; Control runs before it connects and
		// puts one from inside the namespace in its place, under the same descriptor.
		Control: func(network, _ string, raw syscall.RawConn) error { return h.replace(network, raw, own) },
	}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		if own.IsValid() && !errors.Is(ctx.Err(), context.Canceled) {
			if lost := h.Holds(own); lost != nil {
				return nil, lost // it went away under the dial
			}
		}
		return nil, err
	}
	if local := c.LocalAddr().String(); own.IsValid() && !isFrom(local, own) {
		_ = c.Close()
		return nil, fmt.Errorf("dialled from %s, not from the pod's own address %s", local, from)
	}
	return c, nil
}

func isFrom(local string, own netip.Addr) bool {
	l, err := netip.ParseAddrPort(local)
	return err == nil && l.Addr().Unmap() == own.Unmap()
}

// replace swaps the dialer's fresh socket for one made inside the namespace, which must hold the address own.
func (h *Handle) replace(network string, raw syscall.RawConn, own netip.Addr) error {
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
			if err := holds(own); err != nil {
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
	var dup error
	if err := raw.Control(func(fd uintptr) { dup = unix.Dup3(inside, int(fd), unix.O_CLOEXEC) }); err != nil {
		return err
	}
	return dup
}

func socket(family, typ, proto int) (int, error) {
	return unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
}
