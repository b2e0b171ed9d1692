// Package client is the harness's side of the agent: the DaemonSet that runs an agent on each node, and the connection to
// it through the API server's authenticated port-forward.
//
// In: a cluster's REST configuration, plans. Out: an agent's lines as they arrive, and the end of the connection as an
// error. It stores nothing and gives no verdict. It is not linked into the agent.
package client

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// maxLine limits one line of the stream.
const maxLine = 8 << 20

// streamTimeout is how long a stream may be silent: a working agent sends a heartbeat each [agent.EveryBeat].
const streamTimeout = 5 * time.Second

// Client talks to one agent pod.
type Client struct {
	Pod          string
	session      string
	http         *http.Client
	closeForward func()
}

// DialFunc connects to the agent. It ignores network and addr.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// New returns a client of the agent in that pod. session is the name of its session on the agent, token that of the run that
// has started it. The client connects on first use, and again when the connection is lost.
func New(cfg *rest.Config, client kubernetes.Interface, namespace, pod, session string, token agent.Token) *Client {
	f := NewForward(cfg, client, namespace, pod, agent.Port)
	c := Over(f.Dial, pod, session, token)
	c.closeForward = f.Close
	return c
}

// Over returns a client that connects to the agent with dial. pod is its name in errors.
func Over(dial DialFunc, pod, session string, token agent.Token) *Client {
	return &Client{Pod: pod, session: session, http: &http.Client{Transport: &withToken{&http.Transport{DialContext: dial, MaxIdleConnsPerHost: 2}, token}}, closeForward: func() {}}
}

// withToken sends the run's token with each request.
type withToken struct {
	*http.Transport
	token agent.Token
}

// RoundTrip makes one request.
func (w *withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", w.token.Authorization())
	return w.Transport.RoundTrip(r)
}

// Close ends the port-forward.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.closeForward()
}

// Start returns the agent's version and abilities.
func (c *Client) Start(ctx context.Context) (recording.Start, error) {
	var s recording.Start
	return s, c.get(ctx, "start", &s)
}

// SetPlan replaces the session's plan.
func (c *Client) SetPlan(ctx context.Context, p agent.Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://agent/v1/plan?session="+url.QueryEscape(c.session), bytes.NewReader(b))
	if err != nil {
		return err
	}
	_, err = c.do(req, http.StatusNoContent)
	return err
}

// Offset measures the offset of the agent's clock: our time = boot + offset, ± bound. now is our clock. The fastest of
// several round trips is the most precise.
func (c *Client) Offset(ctx context.Context, now func() time.Duration) (recording.Clock, error) {
	best := recording.Clock{Bound: time.Hour}
	for range 5 {
		var a agent.Clock
		before := now()
		if err := c.get(ctx, "clock", &a); err != nil {
			return best, err
		}
		after := now()
		if bound := (after - before) / 2; bound < best.Bound {
			best = recording.Clock{Offset: before + bound - time.Duration(a.Boot), Bound: bound}
		}
	}
	return best, nil
}

// Cursor is the position where a client's next stream starts. The zero Cursor is the beginning.
type Cursor struct {
	run   string
	next  uint64
	whole recording.Restorer // the lines that later ones may repeat
}

// Stream calls each for the lines from at on, and advances at, until the context ends or the connection is lost; the error
// says why. A connection without any line, not even a heartbeat, for streamTimeout counts as lost. If lines are missing,
// lost is called with the reason.
func (c *Client) Stream(ctx context.Context, at *Cursor, lost func(why string), each func(agent.Line)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := guard.AfterFunc(streamTimeout, cancel, func() { cancel(fmt.Errorf("no data for %s", streamTimeout)) })
	defer watchdog.Stop()
	err := c.stream(ctx, at, lost, func(l agent.Line) {
		watchdog.Reset(streamTimeout)
		each(l)
	})
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("agent %s: stream: %w", c.Pod, err)
}

func (c *Client) stream(ctx context.Context, at *Cursor, lost func(string), each func(agent.Line)) error {
	where := fmt.Sprintf("http://agent/v1/stream?session=%s&run=%s&from=%d", url.QueryEscape(c.session), url.QueryEscape(at.run), at.next)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	if lines.Scan() {
		var h agent.Head
		if err = json.Unmarshal(lines.Bytes(), &h); err != nil {
			return err
		}
		switch {
		case at.run != "" && at.run != h.Run:
			lost("the agent was restarted or has removed the session")
			*at = Cursor{}
		case h.Lost > 0:
			lost(fmt.Sprintf("%d lines are no longer in the agent's buffer", h.Lost))
		}
		at.run, at.next = h.Run, at.next+h.Lost
	}
	for lines.Scan() {
		var l agent.Line
		if err = json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		switch {
		case l.Seq > at.next:
			// This client or the connection is slower than the agent's observations.
			lost(fmt.Sprintf("%d lines left the agent's buffer before they were sent", l.Seq-at.next))
		case l.Seq < at.next:
			return fmt.Errorf("received line %d, expected line %d", l.Seq, at.next)
		}
		at.next = l.Seq + 1
		if l.Event, err = at.whole.Restore(l.Event, l.Seq, time.Duration(l.Boot)); err != nil {
			lost(fmt.Sprintf("line %d left out: %v", l.Seq, err)) // the one that it repeats was lost
			continue
		}
		each(l)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

func (c *Client) get(ctx context.Context, what string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1/"+what, http.NoBody)
	if err != nil {
		return err
	}
	b, err := c.do(req, http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (c *Client) do(req *http.Request, want int) ([]byte, error) {
	return c.doWithin(callTimeout, req, want)
}

// callTimeout is the timeout of a call, including the connection if there is none yet.
const callTimeout = 5 * time.Second

func (c *Client) doWithin(budget time.Duration, req *http.Request, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), budget, fmt.Errorf("no answer within %s", budget))
	defer cancel()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", c.Pod, cmp.Or(context.Cause(ctx), err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != want {
		err = errors.New(resp.Status + ": " + strings.TrimSpace(string(b)))
	}
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", c.Pod, err)
	}
	return b, nil
}
