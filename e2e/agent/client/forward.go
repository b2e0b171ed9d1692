package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // spdy.NewDialer speaks in its types; for the new ones client-go only has adapters
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/spdy"

	"meshproof.dev/meshproof/e2e/agent"
)

// protocol is the sub-protocol of a port-forward (client-go's tools/portforward).
const protocol = "portforward.k8s.io"

// forward carries connections to the agent's port through the API server's authenticated port-forward. Unlike client-go's
// own forwarder it opens no port on this machine, where any local user could reach a privileged agent.
type forward struct {
	cfg    *rest.Config
	client kubernetes.Interface
	ns     string
	pod    string

	life       context.Context //nolint:containedctx // the forward's own: ends with close
	end        context.CancelFunc
	connecting chan struct{} // whoever has put a token here may make a connection
	ids        atomic.Int64

	mu   sync.Mutex
	conn httpstream.Connection
}

// dialTimeout is how long one connection to the agent may take to come about, and openTimeout how long that over a forward that
// is there already.
const (
	dialTimeout = 10 * time.Second
	openTimeout = 3 * time.Second
)

func newForward(cfg *rest.Config, client kubernetes.Interface, namespace, pod string) *forward {
	f := &forward{cfg: cfg, client: client, ns: namespace, pod: pod, connecting: make(chan struct{}, 1)}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// dial opens one connection to the agent. A forward that has died is made anew; that one has is often noticed only when
// it is used.
func (f *forward) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	for try := 1; ; try++ {
		conn, err := f.connection(ctx)
		if err != nil {
			return nil, fmt.Errorf("port-forward to agent %s: %w", f.pod, err)
		}
		c, err := f.open(ctx, conn)
		if err == nil {
			return c, nil
		}
		f.drop(conn)
		if try == 2 || ctx.Err() != nil {
			return nil, fmt.Errorf("port-forward to agent %s: %w", f.pod, err)
		}
	}
}

// connection gives the forward's connection to the API server, and makes it where there is none.
func (f *forward) connection(ctx context.Context) (httpstream.Connection, error) {
	select {
	case f.connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-f.connecting }()
	if c := f.live(); c != nil {
		return c, nil
	}
	type result struct {
		conn httpstream.Connection
		err  error
	}
	made := make(chan result, 1)
	// client-go's dialer knows no context. What it brings too late is hung up on.
	go func() {
		c, err := f.upgrade()
		made <- result{c, err}
	}()
	select {
	case r := <-made:
		if r.err != nil {
			return nil, r.err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.conn = r.conn
		if err := f.life.Err(); err != nil {
			_ = r.conn.Close()
			return nil, err
		}
		return r.conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-made; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, fmt.Errorf("the API server did not upgrade the connection: %w", context.Cause(ctx))
	}
}

func (f *forward) live() httpstream.Connection {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		return nil
	}
	select {
	case <-f.conn.CloseChan():
		return nil
	default:
		return f.conn
	}
}

func (f *forward) upgrade() (httpstream.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(f.cfg)
	if err != nil {
		return nil, err
	}
	url := f.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(f.ns).Name(f.pod).SubResource("portforward").URL()
	conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url).Dial(protocol)
	return conn, err
}

func (f *forward) drop(conn httpstream.Connection) {
	_ = conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == conn {
		f.conn = nil
	}
}

func (f *forward) close() {
	f.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// open makes one forwarded connection. The library waits 30 s for a stream, and goes on waiting when the forward has
// died; we do not.
func (f *forward) open(ctx context.Context, conn httpstream.Connection) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	made := make(chan result, 1)
	go func() {
		c, err := f.streams(conn)
		made <- result{c, err}
	}()
	late := time.NewTimer(openTimeout)
	defer late.Stop()
	var err error
	select {
	case r := <-made:
		return r.c, r.err
	case <-conn.CloseChan():
		err = errors.New("the forward ended")
	case <-late.C:
		err = fmt.Errorf("no stream in %s", openTimeout)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	go func() {
		if r := <-made; r.err == nil {
			_ = r.c.Close()
		}
	}()
	return nil, err
}

// streams makes the two streams of one forwarded connection: one for the error that the other side may have, one for data.
func (f *forward) streams(conn httpstream.Connection) (net.Conn, error) {
	h := http.Header{}
	h.Set(corev1.PortHeader, strconv.Itoa(agent.Port))
	h.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(f.ids.Add(1), 10))
	h.Set(corev1.StreamType, corev1.StreamTypeError)
	refusal, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	_ = refusal.Close() // nothing is written to it
	h.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	s := &stream{data: data, refusal: make(chan error, 1), drop: func() {
		conn.RemoveStreams(refusal, data)
		f.drop(conn)
	}, end: func() { conn.RemoveStreams(refusal, data) }}
	go func() {
		if b, err := io.ReadAll(io.LimitReader(refusal, 4096)); err == nil && len(b) > 0 {
			s.refusal <- errors.New(string(b))
			_ = data.Reset()
		}
	}()
	return s, nil
}

// stream is one forwarded connection as net/http wants it. A refused stream ends the whole forward.
type stream struct {
	data    httpstream.Stream
	refusal chan error
	drop    func()
	end     func()
	timer   *time.Timer
	mu      sync.Mutex
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.data.Read(b)
	return n, s.explain(err)
}

func (s *stream) Write(b []byte) (int, error) {
	n, err := s.data.Write(b)
	return n, s.explain(err)
}

func (s *stream) explain(err error) error {
	if err == nil {
		return nil
	}
	select {
	case t := <-s.refusal:
		s.drop()
		return t
	default:
		return err
	}
}

func (s *stream) Close() error {
	defer s.end()
	return s.data.Reset()
}

func (s *stream) LocalAddr() net.Addr  { return here{} }
func (s *stream) RemoteAddr() net.Addr { return here{} }

// SetDeadline resets the stream when the time has come: a forwarded stream knows no deadlines of its own.
func (s *stream) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !t.IsZero() {
		s.timer = time.AfterFunc(time.Until(t), func() { _ = s.data.Reset() })
	}
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error { return s.SetDeadline(t) }
func (s *stream) SetWriteDeadline(time.Time) error  { return nil }

type here struct{}

func (here) Network() string { return "port-forward" }
func (here) String() string  { return "port-forward" }
