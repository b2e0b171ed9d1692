package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/recording"
)

// fakeAgent is an agent whose connections can be cut, and that can be restarted at the same address.
type fakeAgent struct {
	mu    sync.Mutex
	srv   *httptest.Server
	plans chan agent.Plan
}

// planRecorder is an observer that only passes on the plans that it gets.
type planRecorder chan agent.Plan

func (w planRecorder) SetPlan(p agent.Plan)    { w <- p }
func (w planRecorder) Run(ctx context.Context) { <-ctx.Done() }

// sessions are the sessions of an agent whose clock always shows 7 s, with the session of the tests' client.
func sessions(t *testing.T, plans chan agent.Plan) (*server.Sessions, *server.Ring) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := server.NewSessions(ctx, func() int64 { return int64(7 * time.Second) }, func(func(recording.Event)) server.Observer { return planRecorder(plans) })
	t.Cleanup(func() {
		cancel()
		s.Wait()
	})
	ring, err := s.Ring("app")
	if err != nil {
		t.Fatal(err)
	}
	return s, ring
}

// start starts the agent and returns the buffer of the client's session.
func (h *fakeAgent) start(t *testing.T) *server.Ring {
	t.Helper()
	all, ring := sessions(t, h.plans)
	s := httptest.NewServer(server.Handler(recording.Start{Node: "n1"}, all))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.srv = s
	return ring
}

func (h *fakeAgent) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, "tcp", h.srv.Listener.Addr().String())
}

func fault(n int) recording.Event {
	return recording.Event{ObserverError: &recording.ObserverError{What: fmt.Sprint(n)}}
}

func TestStreamIsResumed(t *testing.T) {
	h := &fakeAgent{plans: make(chan agent.Plan, 1)}
	ring := h.start(t)
	c := Over(h.dial, "agent-1", "app", agent.Token{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	var at Cursor
	var got, losses []string
	// read takes lines until the nth, then cuts the connection.
	read := func(n int) {
		t.Helper()
		short, stop := context.WithCancel(ctx)
		defer stop()
		err := c.Stream(short, &at, func(why string) { losses = append(losses, why) }, func(l agent.Line) {
			if got = append(got, l.Event.ObserverError.What); len(got) == n {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.srv.CloseClientConnections()
			}
		})
		if err == nil || !strings.Contains(err.Error(), "agent-1") || short.Err() != nil {
			t.Fatalf("a stream that was cut ended with %v after %d lines", err, len(got))
		}
	}
	for i := range 3 {
		ring.Add(fault(i), 0)
	}
	read(3)
	for i := 3; i < 6; i++ {
		ring.Add(fault(i), 0)
	}
	read(6)
	if text := strings.Join(got, " "); text != "0 1 2 3 4 5" || len(losses) != 0 {
		t.Errorf("lines %s, losses %v", text, losses)
	}

	// The agent restarts, and already has more lines than the client had read from the old one.
	got = nil
	ring = h.start(t)
	for i := range 10 {
		ring.Add(fault(i), 0)
	}
	read(10)
	if text := strings.Join(got, " "); text != "0 1 2 3 4 5 6 7 8 9" || len(losses) != 1 || !strings.Contains(losses[0], "restarted") {
		t.Errorf("after a restart: lines %s, losses %v", text, losses)
	}

	// The buffer overran while no client was connected.
	got, losses = nil, nil
	for i := range 20100 {
		ring.Add(fault(i), 0)
	}
	read(1)
	if len(losses) != 1 || !strings.Contains(losses[0], "100 lines") || got[0] != "100" {
		t.Errorf("after an overrun: first line %v, losses %v", got[:1], losses)
	}
}

func TestCalls(t *testing.T) {
	h := &fakeAgent{plans: make(chan agent.Plan, 1)}
	h.start(t)
	c := Over(h.dial, "agent-1", "app", agent.Token{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := c.Start(ctx)
	if err != nil || s.Node != "n1" {
		t.Errorf("start: %+v, %v", s, err)
	}
	began := time.Now()
	clock, err := c.Offset(ctx, func() time.Duration { return time.Since(began) })
	if err != nil || clock.Bound <= 0 || clock.Bound > time.Second || (clock.Offset+7*time.Second).Abs() > time.Second {
		t.Errorf("clock: %+v, %v; the agent's 7 s are our 0", clock, err)
	}
	if err = c.SetPlan(ctx, agent.Plan{EPMDPort: 4369}); err != nil || (<-h.plans).EPMDPort != 4369 {
		t.Errorf("plan: %v", err)
	}
	err = c.SetPlan(ctx, agent.Plan{EPMDPort: 70000, Cookie: []byte("QZYXSECRETCOOKIE")})
	if err == nil || !strings.Contains(err.Error(), "70000") || !strings.Contains(err.Error(), "agent-1") || strings.Contains(err.Error(), "QZYX") {
		t.Errorf("a plan that the agent rejects: %v", err)
	}
}

// A port-forward that hangs must not delay a caller whose context has ended.
func TestForwardOfADeadAPIServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := &rest.Config{Host: "http://" + l.Addr().String()}
	clientset, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := New(cfg, clientset, "ns", "agent-1", "app", agent.Token{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { _, err := c.Start(ctx); ended <- err }()
	go func() {
		ended <- c.Stream(ctx, new(Cursor), func(string) {}, func(agent.Line) {})
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	c.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("the calls returned %s after their context ended", took)
	}
}

// The API server may reject the upgrade. The error must contain its message.
func TestRejectedForward(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"agent-1\" is forbidden","reason":"Forbidden","code":403}`)
	}))
	defer s.Close()
	cfg := &rest.Config{Host: s.URL}
	clientset, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := New(cfg, clientset, "ns", "agent-1", "app", agent.Token{})
	defer c.Close()
	if _, err := c.Start(context.Background()); err == nil || !strings.Contains(err.Error(), "forbidden") || !strings.Contains(err.Error(), "agent-1") {
		t.Error(err)
	}
}

func TestDaemonSet(t *testing.T) {
	d := DaemonSet("ns", Options{Image: "localhost/meshproof/agent:1"})
	p := d.Spec.Template
	if d.Namespace != "ns" || p.Labels[Label] != Name || d.Spec.Selector.MatchLabels[Label] != Name {
		t.Errorf("labels: %+v", d.ObjectMeta)
	}
	c := p.Spec.Containers[0]
	switch {
	case !p.Spec.HostPID || p.Spec.HostNetwork:
		t.Error("the agent must see the node's processes, and listen on its own pod's address only")
	case c.SecurityContext.Privileged != nil || c.SecurityContext.Capabilities.Drop[0] != "ALL" || len(c.SecurityContext.Capabilities.Add) > 3:
		t.Errorf("the agent has more rights than it needs: %+v", c.SecurityContext)
	case *p.Spec.AutomountServiceAccountToken:
		t.Error("the agent has a token for the API server that it does not need")
	case len(c.Ports) != 0:
		t.Error("the agent publishes a port")
	case c.Env[0].Name != "NODE_NAME":
		t.Error("the agent does not get its node's name")
	}
}

// Agents may do what the run asks for, and nothing else.
func TestRights(t *testing.T) {
	for _, x := range []struct {
		may  Rights
		more []corev1.Capability
	}{
		{Rights{}, nil}, {Rights{Questions: true}, []corev1.Capability{"NET_RAW"}}, {Rights{Faults: true}, []corev1.Capability{"NET_ADMIN"}}, {Rights{Kill: true}, []corev1.Capability{"KILL"}},
	} {
		got := DaemonSet("ns", Options{May: x.may}).Spec.Template.Spec.Containers[0].SecurityContext.Capabilities.Add
		if want := append([]corev1.Capability{"SYS_ADMIN", "SYS_PTRACE"}, x.more...); !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", x.may, got, want)
		}
	}
}
