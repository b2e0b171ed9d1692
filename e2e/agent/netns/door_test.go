package netns_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
)

// node is a /proc with process 1 in the namespace of the process one, and the others as they are.
func node(t *testing.T, one int, others ...int) string {
	t.Helper()
	root := t.TempDir()
	netnstest.Link(t, root, 1, one)
	for _, pid := range others {
		netnstest.Link(t, root, pid, pid)
	}
	return root
}

// The door opens only the namespace of the pod itself: not the node's, not the agent's, not that of another pod.
func TestTheDoorOpensOnlyThePodsOwnNamespace(t *testing.T) {
	_, pod := netnstest.New(t)
	_, other := netnstest.New(t)
	netnstest.Veth(t, pod, other) // the pod has 10.99.0.1, the other pod 10.99.0.2
	_, self := netnstest.New(t)
	hostPod := 7
	root := node(t, other, pod, self)
	netnstest.Link(t, root, hostPod, other)
	d := netns.DoorOf(root, fmt.Sprintf("/proc/%d/ns/net", self))
	for name, c := range map[string]struct {
		pid  int
		own  string
		says string // "" where it opens
		is   error
	}{
		"the pod":                           {pod, "10.99.0.1", "", nil},
		"an IPv4 address in IPv6":           {pod, "::ffff:10.99.0.1", "", nil},
		"its IPv6 address":                  {pod, "fd00:99::1", "", nil},
		"another pod's IPv6 address":        {pod, "fd00:99::2", "fd00:99::2 is no address of", nil},
		"the address of another pod":        {pod, "10.99.0.2", "10.99.0.2 is no address of the pod's network namespace", nil},
		"the address of nobody":             {pod, "10.1.2.3", "10.1.2.3 is no address of", nil},
		"an IPv6 address of nobody":         {pod, "2001:db8::1", "2001:db8::1 is no address of", nil},
		"a pod with hostNetwork":            {hostPod, "10.99.0.2", "hostNetwork", netns.ErrNode},
		"process 1":                         {1, "10.99.0.2", "hostNetwork", netns.ErrNode},
		"hostNetwork, with a wrong address": {hostPod, "10.99.0.1", "10.99.0.1 is no address of", nil},
		"the agent's own pod":               {self, "127.0.0.1", "agent's own", netns.ErrAgent},
		"a process that has exited":         {8, "10.99.0.1", "no such file", os.ErrNotExist},
	} {
		h, err := d.Pod(c.pid, netip.MustParseAddr(c.own))
		if err == nil {
			_ = h.Close()
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}

	// Looking is allowed where the pod itself sees the node's namespace, and nowhere else.
	h, err := d.Observed(hostPod, netip.MustParseAddr("10.99.0.2"))
	if err != nil || !h.Node() {
		t.Errorf("looking at a pod with hostNetwork: %v", err)
	} else {
		_ = h.Close()
	}
	for _, c := range []struct {
		pid int
		own string
	}{{hostPod, "10.99.0.1"}, {self, "127.0.0.1"}, {pod, "10.99.0.2"}} {
		if h, err := d.Observed(c.pid, netip.MustParseAddr(c.own)); err == nil {
			_ = h.Close()
			t.Errorf("process %d is observed as %s", c.pid, c.own)
		}
	}
	if h, err := d.Agent(netip.MustParseAddr("10.99.0.1")); err == nil {
		_ = h.Close()
		t.Error("the agent's own pod is opened as that of another address")
	}
}

// Some nodes let a socket bind to addresses that they do not have. That proves nothing.
func TestAnAddressThatCanBeBoundIsNotYetHeld(t *testing.T) {
	h, pid := netnstest.New(t)
	for family, nobodys := range map[string]string{"ipv4": "10.1.2.3", "ipv6": "2001:db8::1"} {
		if err := h.Do(func() error { return os.WriteFile("/proc/sys/net/"+family+"/ip_nonlocal_bind", []byte("1"), 0) }); err != nil {
			t.Fatal(err)
		}
		if opened, err := netns.NewDoor(netnstest.Proc(t, pid)).Pod(pid, netip.MustParseAddr(nobodys)); err == nil {
			_ = opened.Close()
			t.Errorf("a namespace was opened as that of %s, which it does not have", nobodys)
		}
	}
}

// A door that cannot compare stays shut.
func TestTheDoorStaysShutWhereTheNodeIsNotKnown(t *testing.T) {
	_, pod := netnstest.New(t)
	root := t.TempDir()
	netnstest.Link(t, root, pod, pod)
	if h, err := netns.NewDoor(root).Pod(pod, netip.MustParseAddr("127.0.0.1")); err == nil {
		_ = h.Close()
		t.Error("opened without process 1")
	}
}

// Nobody enters a namespace beside the door.
func TestNobodyEntersBesideTheDoor(t *testing.T) {
	root, calls := filepath.Join("..", "..", ".."), 0
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), "Setns(") {
			calls++
			if !strings.HasSuffix(path, "netns/internal/enter/enter_linux.go") {
				t.Errorf("%s enters a namespace", path)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("%d calls of setns(2), want 1", calls)
	}
}
