package client

import (
	"context"
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
	"k8s.io/apimachinery/pkg/util/httpstream"      //nolint:staticcheck // as in forward.go
	"k8s.io/apimachinery/pkg/util/httpstream/spdy" //nolint:staticcheck // as in forward.go
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/recording"
)

// fakeAPIServer is the API server's side of port-forwards: real SPDY, and behind it the agent's real API.
type fakeAPIServer struct {
	t     *testing.T
	agent string // address of the agent's API
	paths chan string
	conns chan httpstream.Connection

	mu     sync.Mutex
	refuse string // the kubelet's error instead of a connection, "" to connect
}

func (g *fakeAPIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.paths <- r.Method + " " + r.URL.Path
	if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
		return
	}
	troubles := map[string]httpstream.Stream{}
	var mu sync.Mutex
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		h := s.Headers()
		id := h.Get(corev1.PortForwardRequestIDHeader)
		mu.Lock()
		defer mu.Unlock()
		if h.Get(corev1.StreamType) == corev1.StreamTypeError {
			troubles[id] = s
			return nil
		}
		if h.Get(corev1.PortHeader) != "7373" {
			g.t.Errorf("the client requested port %s", h.Get(corev1.PortHeader))
		}
		go g.carry(s, troubles[id])
		return nil
	})
	if conn == nil {
		return
	}
	g.conns <- conn
	<-conn.CloseChan()
}

// carry forwards one connection, as the kubelet does.
func (g *fakeAPIServer) carry(data, trouble httpstream.Stream) {
	g.mu.Lock()
	refuse := g.refuse
	g.mu.Unlock()
	if refuse != "" {
		_, _ = io.WriteString(trouble, refuse)
		_ = trouble.Close()
		return
	}
	_ = trouble.Close()
	c, err := net.Dial("tcp", g.agent)
	if err != nil {
		_ = data.Reset()
		return
	}
	defer c.Close()
	go func() {
		_, _ = io.Copy(c, data)
		_ = c.Close()
	}()
	_, _ = io.Copy(data, c)
	_ = data.Close()
}

// die ends the current port-forward.
func (g *fakeAPIServer) die() { _ = (<-g.conns).Close() }

func TestForward(t *testing.T) {
	all, ring := sessions(t, make(chan agent.Plan, 1))
	api := httptest.NewServer(server.Handler(recording.Start{Node: "n1"}, all))
	defer func() {
		api.CloseClientConnections()
		api.Close()
	}()
	g := &fakeAPIServer{t: t, agent: api.Listener.Addr().String(), paths: make(chan string, 100), conns: make(chan httpstream.Connection, 100)}
	s := httptest.NewServer(g)
	defer s.Close()
	cfg := &rest.Config{Host: s.URL}
	clientset, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := New(cfg, clientset, "sys", "agent-1", "app", agent.Token{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	// A stream and concurrent calls share one port-forward.
	var at Cursor
	var got []string
	ring.Add(fault(0), 0)
	for n := range 4 {
		err = c.Stream(ctx, &at, func(why string) { t.Errorf("lost: %s", why) }, func(l agent.Line) {
			if got = append(got, l.Event.ObserverError.What); len(got) == n+1 {
				if start, failed := c.Start(ctx); failed != nil || start.Node != "n1" {
					t.Errorf("a call concurrent with the stream: %+v, %v", start, failed)
				}
				ring.Add(fault(n+1), 0) // while the port-forward dies
				g.die()
			}
		})
		if err == nil || ctx.Err() != nil {
			t.Fatalf("a stream whose port-forward died ended with %v", err)
		}
	}
	// One line may have arrived before the end was noticed.
	if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(got, want[:min(len(got), 5)]) || len(got) < 4 {
		t.Errorf("lines %v", got)
	}
	if path := <-g.paths; path != "POST /api/v1/namespaces/sys/pods/agent-1/portforward" {
		t.Errorf("the port-forward was requested with %s", path)
	}
	if n := len(g.paths); n > 4 {
		t.Errorf("%d port-forwards, of which four died", n+1)
	}

	// The kubelet's error must be in the error, and the next attempt must be a new port-forward.
	refuse := func(what string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.refuse = what
	}
	refuse("connect: connection refused inside the pod")
	if _, err = c.Start(ctx); err == nil || !strings.Contains(err.Error(), "refused inside the pod") {
		t.Errorf("a rejected port-forward: %v", err)
	}
	refuse("")
	if _, err = c.Start(ctx); err != nil {
		t.Errorf("after a rejected port-forward: %v", err)
	}
}
