package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
)

// Why a door stays shut.
var (
	ErrNode  = errors.New("the process is in the network namespace of the node (hostNetwork), which is not the pod's alone")
	ErrAgent = errors.New("the process is in the agent's own network namespace")
)

// Door opens network namespaces. There is no other way into one: whoever observes or disturbs a pod passes one of its
// methods, and each of them says whose namespace it opens.
type Door struct {
	proc string // a mounted /proc
	self string // the agent's own namespace
}

// NewDoor returns the door to the namespaces of the processes in proc.
func NewDoor(proc string) Door { return Door{proc, "/proc/self/ns/net"} }

func (d Door) path(pid int) string { return filepath.Join(d.proc, strconv.Itoa(pid), "ns/net") }

// Pod opens the network namespace of a pod's process. It refuses one that does not have the pod's own address: a container
// that is just starting is in its parent's namespace for a moment, and a process id can belong to another pod by now. It
// refuses the node's namespace and the agent's own.
func (d Door) Pod(pid int, own netip.Addr) (*Handle, error) {
	h, err := d.Observed(pid, own)
	if err == nil && h.node {
		_ = h.Close()
		return nil, ErrNode
	}
	return h, err
}

// Observed is Pod for looking only: it also opens the node's namespace, where that is what the pod itself sees because it
// uses hostNetwork.
func (d Door) Observed(pid int, own netip.Addr) (*Handle, error) {
	h, err := open(d.path(pid))
	if err != nil {
		return nil, err
	}
	if err = d.check(h, own); err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

func (d Door) check(h *Handle, own netip.Addr) (err error) {
	if h.node, err = h.Same(d.path(1)); err != nil {
		return fmt.Errorf("cannot compare the pod's network namespace with the node's: %w", err)
	}
	agents, err := h.Same(d.self)
	switch {
	case err != nil:
		return fmt.Errorf("cannot compare the pod's network namespace with the agent's: %w", err)
	case agents && !h.node:
		return ErrAgent
	}
	return h.Do(func() error { return holds(own) })
}

// Agent opens the agent's own namespace, which must have the address own.
func (d Door) Agent(own netip.Addr) (*Handle, error) {
	h, err := open(d.self)
	if err != nil {
		return nil, err
	}
	if err = h.Do(func() error { return holds(own) }); err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

// Node opens the node's namespace, to try there what the agent is able to do. Nothing is to be changed in it.
func (d Door) Node() (*Handle, error) { return open(d.path(1)) }

// Each opens every network namespace of the node, one after the other, to look for what an earlier agent left there. id is
// the namespace's name.
func (d Door) Each(visit func(id string, h *Handle)) error {
	entries, err := os.ReadDir(d.proc)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		id, err := os.Readlink(d.path(pid))
		if err != nil || seen[id] {
			continue // the process has exited, or its namespace has been visited
		}
		seen[id] = true
		if h, err := open(d.path(pid)); err == nil {
			visit(id, h)
			_ = h.Close()
		}
	}
	return nil
}

// holds returns an error if own is not an address of the namespace that it runs in. It reads the addresses of the
// interfaces: where net.ipv4.ip_nonlocal_bind is set, a socket could be bound to any address.
func holds(own netip.Addr) error {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("read the addresses of the network namespace: %w", err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == own.Unmap() {
			return nil
		}
	}
	return fmt.Errorf("%s is no address of the pod's network namespace", own)
}
