// Package client is the harness's side of the agent: the DaemonSet that puts one on each node, and the connection to it
// through the API server's authenticated port-forward.
//
// In: a cluster's REST configuration, plans. Out: an agent's lines as they come, and the end of the connection as an
// error. It keeps nothing and gives no verdict. The agent itself links none of this.
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
	"meshproof.dev/meshproof/e2e/recording"
)

// maxLine bounds one line of the stream.
const maxLine = 8 << 20

// stall is how long a stream may bring nothing: an agent that lives sends a beat each [agent.EveryBeat].
const stall = 5 * time.Second

// Client talks to one agent pod.
type Client struct {
	Pod     string
	session string
	http    *http.Client
	end     func()
}

// DialFunc connects to the agent, whatever network and address it is given.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// New makes a client of the agent in that pod. session names its plan and lines among those of the agent's other clients.
// It connects when it is used, and again whenever the connection is lost.
func New(cfg *rest.Config, client kubernetes.Interface, namespace, pod, session string) *Client {
	f := newForward(cfg, client, namespace, pod)
	c := Over(f.dial, pod, session)
	c.end = f.close
	return c
}

// Over makes a client of the agent that dial reaches. pod is its name in errors.
func Over(dial DialFunc, pod, session string) *Client {
	return &Client{Pod: pod, session: session, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 2}}, end: func() {}}
}

// Close ends the port-forward.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.end()
}

// Start asks what the agent is and can do.
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

// Offset measures how the agent's clock compares with ours: ours = boot + offset, give or take bound. now is our clock. Of
// several round trips the quickest knows best.
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

// Cursor is how far a client has read: where its next stream goes on. The zero Cursor is the beginning.
type Cursor struct {
	run  string
	next uint64
}

// Stream gives each line that at has not seen, and moves at, until the context ends or the connection is lost; the error
// says why. A connection on which not even a beat comes for a while is lost, too. lost is told why where lines between
// two streams are missing.
func (c *Client) Stream(ctx context.Context, at *Cursor, lost func(why string), each func(agent.Line)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	defer watchdog.Stop()
	err := c.stream(ctx, at, lost, func(l agent.Line) {
		watchdog.Reset(stall)
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
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			return err
		}
		switch {
		case at.run != "" && at.run != h.Run:
			lost("the agent was started anew, or has given the session up")
			at.next = 0
		case h.Lost > 0:
			lost(fmt.Sprintf("the agent held %d lines no longer", h.Lost))
		}
		at.run, at.next = h.Run, at.next+h.Lost
	}
	for lines.Scan() {
		var l agent.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		switch {
		case l.Seq > at.next:
			// We, or the way here, are slower than the agent sees.
			lost(fmt.Sprintf("%d lines fell out of the agent's buffer before they were sent", l.Seq-at.next))
		case l.Seq < at.next:
			return fmt.Errorf("line %d came where %d is due", l.Seq, at.next)
		}
		at.next = l.Seq + 1
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
	return c.within(answerIn, req, want)
}

// answerIn is how long an agent may take to answer, over a connection that may have to be made first.
const answerIn = 5 * time.Second

func (c *Client) within(budget time.Duration, req *http.Request, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), budget, fmt.Errorf("no answer in %s", budget))
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
