package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // spdy.NewDialer speaks in its types; for the new ones client-go only has adapters
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/spdy"

	"meshproof.dev/meshproof/e2e/guard"
)

// protocol is the sub-protocol of a port-forward (client-go's tools/portforward).
const protocol = "portforward.k8s.io"

// Forward opens connections to one port of a pod through the API server's authenticated port-forward. They end on the pod's
// loopback. Unlike client-go's own forwarder it listens on no local port, through which any local user could reach a privileged
// agent. One Forward has one port: a connection that is refused ends the whole port-forward.
type Forward struct {
	cfg    *rest.Config
	client kubernetes.Interface
	ns     string
	pod    string
	port   int

	ctx        context.Context //nolint:containedctx // ends with close
	cancel     context.CancelFunc
	connecting chan struct{} // a semaphore: only one goroutine connects at a time
	ids        atomic.Int64

	mu   sync.Mutex
	conn httpstream.Connection
	bug  error // a panic: each later connection fails with it
}

func (f *Forward) caught(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bug = err
}

// connectTimeout is the timeout of a connection to the pod, and openTimeout that of a connection over an existing
// port-forward.
const (
	connectTimeout = 10 * time.Second
	openTimeout    = 3 * time.Second
)

// NewForward returns a forward to the port of that pod. It connects on first use.
func NewForward(cfg *rest.Config, client kubernetes.Interface, namespace, pod string, port int) *Forward {
	f := &Forward{cfg: cfg, client: client, ns: namespace, pod: pod, port: port, connecting: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Dial opens one connection to the port; it ignores network and addr. If the port-forward has died, which is often noticed only when it is used, it
// makes a new one.
func (f *Forward) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	for try := 1; ; try++ {
		conn, err := f.connect(ctx)
		if err != nil {
			return nil, fmt.Errorf("port-forward to port %d of pod %s: %w", f.port, f.pod, err)
		}
		c, err := f.open(ctx, conn)
		if err == nil {
			return c, nil
		}
		f.drop(conn)
		if try == 2 || ctx.Err() != nil {
			return nil, fmt.Errorf("port-forward to port %d of pod %s: %w", f.port, f.pod, err)
		}
	}
}

// connect returns the connection to the API server, and makes one if there is none.
func (f *Forward) connect(ctx context.Context) (httpstream.Connection, error) {
	select {
	case f.connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-f.connecting }()
	if c, err := f.liveConn(); c != nil || err != nil {
		return c, err
	}
	type result struct {
		conn httpstream.Connection
		err  error
	}
	made := make(chan result, 1)
	// client-go's dialer takes no context. A connection that arrives too late is closed.
	guard.Go(nil, func(err error) { made <- result{err: err} }, func() {
		c, err := f.upgrade()
		made <- result{c, err}
	})
	select {
	case r := <-made:
		if r.err != nil {
			return nil, r.err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.conn = r.conn
		if err := f.ctx.Err(); err != nil {
			_ = r.conn.Close()
			return nil, err
		}
		return r.conn, nil
	case <-ctx.Done():
		guard.Go(nil, f.caught, func() {
			if r := <-made; r.conn != nil {
				_ = r.conn.Close()
			}
		})
		return nil, fmt.Errorf("the API server did not upgrade the connection in time: %w", context.Cause(ctx))
	}
}

func (f *Forward) liveConn() (httpstream.Connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil || f.bug != nil {
		return nil, f.bug
	}
	select {
	case <-f.conn.CloseChan():
		return nil, nil
	default:
		return f.conn, nil
	}
}

func (f *Forward) upgrade() (httpstream.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(f.cfg)
	if err != nil {
		return nil, err
	}
	url := f.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(f.ns).Name(f.pod).SubResource("portforward").URL()
	conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url).Dial(protocol)
	return conn, err
}

func (f *Forward) drop(conn httpstream.Connection) {
	_ = conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == conn {
		f.conn = nil
	}
}

// Close ends the port-forward and its connections.
func (f *Forward) Close() {
	f.cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// open makes one forwarded connection. The library waits 30 s for a stream, even if the port-forward has died; open does
// not.
func (f *Forward) open(ctx context.Context, conn httpstream.Connection) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	made := make(chan result, 1)
	guard.Go(nil, func(err error) { made <- result{err: err} }, func() {
		c, err := f.streams(conn)
		made <- result{c, err}
	})
	late := time.NewTimer(openTimeout)
	defer late.Stop()
	var err error
	select {
	case r := <-made:
		return r.c, r.err
	case <-conn.CloseChan():
		err = errForwardEnded
	case <-late.C:
		err = fmt.Errorf("the API server opened no stream within %s", openTimeout)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	guard.Go(nil, f.caught, func() {
		if r := <-made; r.err == nil {
			_ = r.c.Close()
		}
	})
	return nil, err
}

// streams makes the two streams of one forwarded connection: one for an error of the remote side, one for data.
func (f *Forward) streams(conn httpstream.Connection) (net.Conn, error) {
	h := http.Header{}
	h.Set(corev1.PortHeader, strconv.Itoa(f.port))
	h.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(f.ids.Add(1), 10))
	h.Set(corev1.StreamType, corev1.StreamTypeError)
	trouble, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	_ = trouble.Close() // nothing is written to it
	h.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	s := &stream{data: data, remoteErr: make(chan error, 1), ended: conn.CloseChan(), dropForward: func() {
		conn.RemoveStreams(trouble, data)
		f.drop(conn)
	}, removeStreams: func() { conn.RemoveStreams(trouble, data) }, caught: f.caught}
	guard.Go(nil, f.caught, func() {
		if b, err := io.ReadAll(io.LimitReader(trouble, 4096)); err == nil && len(b) > 0 {
			s.remoteErr <- errors.New(string(b))
			_ = data.Reset()
		}
	})
	return s, nil
}

// stream is one forwarded connection as a net.Conn. A rejected stream ends the whole port-forward.
type stream struct {
	data          httpstream.Stream
	remoteErr     chan error
	ended         <-chan bool // closed when the port-forward has ended
	dropForward   func()
	removeStreams func()
	caught        func(error)
	expired       atomic.Bool // its deadline has passed
	mu            sync.Mutex
	timer         *time.Timer
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.data.Read(b)
	return n, s.withRemoteError(err)
}

func (s *stream) Write(b []byte) (int, error) {
	n, err := s.data.Write(b)
	return n, s.withRemoteError(err)
}

// errForwardEnded is the error of a connection whose port-forward has ended: what is at its other end did not close it.
var errForwardEnded = errors.New("the port-forward ended")

// reasonDelay is how much later than the end of a connection its reason may arrive. A peer that closes a connection and a
// port-forward that dies look the same at first; only the first says something about the peer.
const reasonDelay = 100 * time.Millisecond

func (s *stream) withRemoteError(err error) error {
	switch {
	case err == nil:
		return nil
	case s.expired.Load():
		return os.ErrDeadlineExceeded
	}
	late := time.NewTimer(reasonDelay)
	defer late.Stop()
	select {
	case t := <-s.remoteErr:
		s.dropForward()
		return t
	case <-s.ended:
		return errForwardEnded
	case <-late.C:
		return err
	}
}

func (s *stream) Close() error {
	defer s.removeStreams()
	return s.data.Reset()
}

func (s *stream) LocalAddr() net.Addr  { return forwardAddr{} }
func (s *stream) RemoteAddr() net.Addr { return forwardAddr{} }

// SetDeadline resets the stream at the deadline: a forwarded stream has no deadlines.
func (s *stream) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !t.IsZero() {
		s.timer = guard.AfterFunc(time.Until(t), s.caught, func() {
			s.expired.Store(true)
			_ = s.data.Reset()
		})
	}
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error { return s.SetDeadline(t) }
func (s *stream) SetWriteDeadline(time.Time) error  { return nil }

type forwardAddr struct{}

func (forwardAddr) Network() string { return "port-forward" }
func (forwardAddr) String() string  { return "port-forward" }
