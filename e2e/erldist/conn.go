package erldist

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Options of a connection. The zero value of each option is its default.
type Options struct {
	// Tick is the interval at which this side sends ticks, in addition to answering each tick of the peer. 0 is 15 s, a
	// quarter of the default net_ticktime; a negative value sends none.
	Tick time.Duration
	// Silence ends the connection, with outcome Silent, if nothing arrives for that time. An idle node sends a tick every
	// net_ticktime / net_tickintensity (15 s by default). 0 waits for ever.
	Silence time.Duration
	// MaxFrame limits one message of the peer, in bytes. A longer one ends the connection, with outcome Malformed. 0 is 1
	// MiB: the names of some twenty thousand nodes.
	MaxFrame int
	// Drain is how long Close waits for outstanding replies. 0 is 1 s.
	Drain time.Duration
}

func (o Options) withDefaults() Options {
	if o.Tick == 0 {
		o.Tick = 15 * time.Second
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = 1 << 20
	}
	if o.Drain == 0 {
		o.Drain = time.Second
	}
	return o
}

const (
	// writeTimeout limits one write. Our frames fit into any socket buffer, so if a write blocks, the peer is stuck.
	writeTimeout = 2 * time.Second
	// maxOutstanding limits the calls without a reply, including those whose context has ended.
	maxOutstanding = 64
)

// Conn is a connection to a node as a hidden node. It is safe for concurrent use. Calls may overlap: each has its own
// process identifier, so that a late reply cannot be taken for the reply of another call.
type Conn struct {
	// Peer is what the node reported in the handshake.
	Peer Peer

	addr string
	c    net.Conn // nil if the handshake failed
	o    Options
	wmu  sync.Mutex // held while a frame is written
	work sync.WaitGroup

	mu      sync.Mutex
	last    uint32                // number of the last call
	waiting map[uint32]chan reply // by number: calls without a reply
	closing bool
	err     error         // why the connection ended
	drained chan struct{} // closed when Close was called and no call waits for a reply
	done    chan struct{}
}

type reply struct {
	result Term
	err    error
}

var errClosed = errors.New("this side has closed the connection")

func failedConn(p Peer, addr string, err error) *Conn {
	c := &Conn{Peer: p, addr: addr, err: err, closing: true, done: make(chan struct{})}
	close(c.done)
	return c
}

func newConn(x *exchange, p Peer, o Options) (*Conn, error) {
	if err := x.c.SetDeadline(time.Time{}); err != nil {
		x.close()
		err = &Error{Step: StageLink, Outcome: Classify(err, StageLink), Addr: x.addr, Err: err}
		return failedConn(p, x.addr, err), err
	}
	c := &Conn{
		Peer: p, addr: x.addr, c: x.c, o: o.withDefaults(), waiting: map[uint32]chan reply{},
		drained: make(chan struct{}), done: make(chan struct{}),
	}
	c.work.Go(c.read)
	if c.o.Tick > 0 {
		c.work.Go(c.tick)
	}
	return c, nil
}

// Done is closed when the connection has ended, by either side.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is the reason why the connection ended, as an [*Error]; nil while it is open.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	default:
		return nil
	}
}

// Close closes the connection when no reply is outstanding, or after the drain time: a peer that still has to reply would
// connect to the name that it has given us. New calls fail at once. The error says that replies were still outstanding;
// the connection is closed in any case.
func (c *Conn) Close() error {
	if c.c == nil {
		return nil
	}
	c.mu.Lock()
	c.closing = true
	outstanding := len(c.waiting)
	c.mu.Unlock()
	if outstanding > 0 {
		timer := time.NewTimer(c.o.Drain)
		defer timer.Stop()
		select {
		case <-c.drained:
		case <-c.done:
		case <-timer.C:
		}
	}
	c.mu.Lock()
	alive := c.err == nil
	outstanding = len(c.waiting)
	c.mu.Unlock()
	c.end(&Error{Step: StageLink, Outcome: Failed, Addr: c.addr, Err: errClosed})
	c.work.Wait()
	if alive && outstanding > 0 {
		return &Error{Step: StageLink, Outcome: Silent, Addr: c.addr, Detail: fmt.Sprintf("closed the connection with %d replies outstanding after %s", outstanding, c.o.Drain)}
	}
	return nil
}

// end closes the connection, which ends read, and keeps the first reason.
func (c *Conn) end(why *Error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = why
	}
	c.mu.Unlock()
	_ = c.c.Close()
}

// read reads frames until the connection ends. It drops any message that is not a reply to a call, so that a peer cannot
// make this side act.
func (c *Conn) read() {
	defer close(c.done)
	r := bufio.NewReader(c.c)
	for {
		m, err := c.frame(r)
		if err == nil && len(m) == 0 {
			err = c.write(tick)
		} else if err == nil {
			err = c.deliver(m)
		}
		if err != nil {
			c.end(c.linkError(err))
			return
		}
	}
}

func (c *Conn) frame(r *bufio.Reader) ([]byte, error) {
	if c.o.Silence > 0 {
		if err := c.c.SetReadDeadline(time.Now().Add(c.o.Silence)); err != nil {
			return nil, err
		}
	}
	return readFrame(r, c.o.MaxFrame)
}

func (c *Conn) linkError(err error) *Error {
	e := &Error{Step: StageLink, Outcome: Classify(err, StageLink), Addr: c.addr, Err: err}
	switch e.Outcome {
	case Closed:
		e.Detail, e.Err = "the peer closed the connection", nil
	case Silent:
		if errors.Is(err, os.ErrDeadlineExceeded) { // otherwise the error comes from the kernel or from write
			e.Detail, e.Err = fmt.Sprintf("no data for %s, not even a tick", c.o.Silence), nil
		}
	}
	return e
}

// deliver passes a reply to the call that waits for it.
func (c *Conn) deliver(m []byte) error {
	p, err := parseFrame(m)
	if err != nil {
		return err
	}
	if !p.isSend() || p.to.Node != Atom(c.Peer.Self) {
		return nil
	}
	result, ok, err := parseReply(p.message)
	if !ok && err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting, found := c.waiting[p.to.ID]; found {
		waiting <- reply{result, err} // the channel has a buffer for one
		delete(c.waiting, p.to.ID)
		if c.closing && len(c.waiting) == 0 {
			close(c.drained)
		}
	}
	return nil
}

// tick sends ticks, so that the peer does not take this side for dead.
func (c *Conn) tick() {
	t := time.NewTicker(c.o.Tick)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-t.C:
			if err := c.write(tick); err != nil {
				c.end(c.linkError(err))
				return
			}
		}
	}
}

// write sends a complete frame. After an error the connection must end, because half a frame may have been sent. So the
// context of a call does not apply here, only writeTimeout does.
func (c *Conn) write(frame []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.c.Write(frame)
	if err != nil && isTimeout(err) {
		return &protocolError{Silent, fmt.Sprintf("the peer has read no bytes for %s", writeTimeout)}
	}
	return err
}

// Call calls Module:Function(Args) on the node and waits for the result. Only calls of a fixed table are sent (see
// [Allowed]); others fail with [ErrForbidden]. A call whose context ends leaves the connection usable; its reply is
// dropped when it arrives. Only a peer that reads nothing can delay a call beyond its context, by 2 s; then the connection
// ends. A context without a deadline gets one of 10 s. Errors are [*Error], with outcome BadRPC if the node could not run
// the call.
func (c *Conn) Call(ctx context.Context, module, function string, args ...Term) (Term, error) {
	name := module + ":" + function
	fail := func(o Outcome, detail string, err error) (Term, error) {
		return nil, &Error{Step: StageCall, Outcome: o, Addr: c.addr, Detail: name + ": " + detail, Err: err}
	}
	if !Allowed(module, function, args...) {
		return nil, &Error{Step: StageCall, Outcome: Failed, Addr: c.addr, Detail: name + text(Tuple(args)), Err: ErrForbidden}
	}
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	began := time.Now()
	if ctx.Err() != nil {
		return fail(Failed, "not sent", context.Cause(ctx))
	}
	number, replied, err := c.newCall()
	if err != nil {
		return fail(OutcomeOf(err), "not sent", causeOf(err))
	}
	self := Pid{Node: Atom(c.Peer.Self), ID: number, Creation: c.Peer.creation}
	if err := c.write(callFrame(self, Atom(module), Atom(function), args)); err != nil {
		c.end(c.linkError(err))
		<-c.done
		return fail(OutcomeOf(c.Err()), "could not be sent", causeOf(c.Err()))
	}
	var r reply
	select {
	case r = <-replied:
	case <-c.done:
		select {
		case r = <-replied: // it arrived just before the end
		default:
			return fail(OutcomeOf(c.Err()), "no reply", causeOf(c.Err()))
		}
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return fail(Failed, "cancelled", context.Cause(ctx))
		}
		return fail(Silent, fmt.Sprintf("no reply within %s", time.Since(began).Round(time.Millisecond)), nil)
	}
	if r.err != nil {
		return fail(Malformed, "cannot parse the reply", r.err)
	}
	if t, bad := r.result.(Tuple); bad && len(t) == 2 && t[0] == Term(Atom("badrpc")) {
		return fail(BadRPC, "badrpc "+text(t[1]), nil)
	}
	return r.result, nil
}

// causeOf is an error of this connection without address and step, for the text of another error that has them.
func causeOf(err error) error {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Err == nil:
		return errors.New(e.Detail)
	case e.Detail == "":
		return e.Err
	}
	return fmt.Errorf("%s: %w", e.Detail, e.Err)
}

// newCall assigns a number to a call. Numbers start at 1 and are reused after four thousand million calls.
func (c *Conn) newCall() (uint32, <-chan reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return 0, nil, c.err
	case c.closing:
		return 0, nil, errClosed
	case len(c.waiting) >= maxOutstanding:
		return 0, nil, &Error{Step: StageCall, Outcome: Silent, Addr: c.addr, Detail: fmt.Sprintf("%d calls have no reply yet", len(c.waiting))}
	}
	c.last++
	replied := make(chan reply, 1)
	c.waiting[c.last] = replied
	return c.last, replied, nil
}
