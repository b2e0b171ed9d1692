//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/netns/netnstest"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/recording"
)

type nothing struct{}

func (nothing) SetPlan(agent.Plan)      {}
func (nothing) Run(ctx context.Context) { <-ctx.Done() }

// api serves the agent's API in the network namespace of its pod, as the program does.
func api(t *testing.T, pod *netns.Handle) {
	t.Helper()
	var l net.Listener
	if err := pod.Do(func() (err error) {
		l, err = listen()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sessions := server.NewSessions(ctx, boot, func(func(recording.Event)) server.Observer { return nothing{} })
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, server.Handler(recording.Start{Node: "n1"}, sessions)) }()
	t.Cleanup(func() {
		cancel()
		sessions.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A connection from another pod to the API's port is refused. Only the loopback of the agent's own pod, where a
// port-forward connects, is served.
func TestAPIIsRefusedFromAnotherPod(t *testing.T) {
	pod, a := netnstest.New(t)
	other, b := netnstest.New(t)
	netnstest.Veth(t, a, b)
	api(t, pod)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	from := func(h *netns.Handle, addr string) *client.Client {
		return client.Over(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return h.Dial(ctx, network, net.JoinHostPort(addr, strconv.Itoa(agent.Port)), "")
		}, "agent-1", "app", agent.Token{})
	}
	if s, err := from(pod, "127.0.0.1").Start(ctx); err != nil || s.Node != "n1" {
		t.Errorf("from the agent's own pod: %+v, %v", s, err)
	}
	for _, addr := range []string{"10.99.0.1", "127.0.0.1"} {
		if _, err := from(other, addr).Start(ctx); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s from another pod: %v", addr, err)
		}
	}
	if _, err := from(pod, "10.99.0.1").Start(ctx); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the pod's own address: %v", err)
	}

	// The control: a listener on all addresses is reachable over the same veth pair.
	var l net.Listener
	if err := pod.Do(func() (err error) {
		l, err = net.Listen("tcp4", "0.0.0.0:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	served := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go served.Serve(l) //nolint:errcheck // ends with the test
	defer served.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := other.Dial(ctx, "tcp", net.JoinHostPort("10.99.0.1", port), "10.99.0.2")
	if err != nil {
		t.Fatalf("the control: %v", err)
	}
	_ = c.Close()
}

// The agent tests each ability that it reports.
func TestAbilities(t *testing.T) {
	_, pid := netnstest.New(t)
	s := abilities("n1", func() (*netns.Handle, error) {
		return netns.NewDoor(netnstest.Proc(t, pid)).Pod(pid, netip.MustParseAddr("127.0.0.1"))
	})
	if s.Node != "n1" || !slices.Contains(s.Can, "netns") || !slices.Contains(s.Can, "inet_diag") || !slices.Contains(s.Can, "af_packet") {
		t.Errorf("%+v", s)
	}
	if s = abilities("n1", netns.NewDoor("/nowhere").Node); slices.Contains(s.Can, "netns") || !slices.ContainsFunc(s.Cannot, func(c string) bool { return strings.HasPrefix(c, "netns: ") && strings.Contains(c, "/nowhere") }) {
		t.Errorf("%+v", s)
	}
}

// An agent that was not given its run's token serves nobody.
func TestNothingIsServedWithoutAToken(t *testing.T) {
	t.Setenv("NODE_NAME", "n1")
	for _, hash := range []string{"", "0", agent.Token{}.Hash()} {
		t.Setenv(agent.TokenHash, hash)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := run(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), agent.TokenHash) {
			t.Errorf("with the hash %q: %v", hash, err)
		}
	}
}
