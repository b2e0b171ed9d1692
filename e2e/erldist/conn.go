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

// Options of a connection; the zero value is the default of each.
type Options struct {
	// Tick is the interval at which this side sends a tick, besides answering each of the peer's. 0 is 15 s, a quarter of the
	// default net_ticktime; a negative one sends none.
	Tick time.Duration
	// Silence ends the connection, with outcome Silent, when nothing arrives for so long. A node that has nothing to
	// say sends a tick every net_ticktime / net_tickintensity (15 s by default). 0 waits for ever.
	Silence time.Duration
	// MaxFrame bounds one message of the peer, in bytes. A longer one ends the connection, with outcome Malformed. 0 is 1 MiB: the
	// names of some twenty thousand nodes.
	MaxFrame int
	// Drain is how long Close waits for replies that are outstanding. 0 is 1 s.
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
	// writeBudget bounds one write: a frame of ours fits any socket buffer, so that a peer that lets it wait is stuck.
	writeBudget = 2 * time.Second
	// maxOutstanding bounds the calls for which no reply has come, those that were given up included.
	maxOutstanding = 64
)

// Conn is a connection to a node as a hidden node. It is safe for concurrent use. Calls may overlap: each has a process
// identifier of its own, so that a late reply is never taken for another's.
type Conn struct {
	// Peer is what the node said of itself in the handshake.
	Peer Peer

	addr string
	c    net.Conn // nil where the handshake failed
	o    Options
	wmu  sync.Mutex // frames are written whole
	work sync.WaitGroup

	mu      sync.Mutex
	last    uint32                // number of the last call
	waiting map[uint32]chan reply // by number: no reply yet
	closing bool
	err     error         // why the connection ended
	drained chan struct{} // closed when there is nothing waiting any more and Close has been called
	done    chan struct{}
}

type reply struct {
	result Term
	err    error
}

var errHungUp = errors.New("this side has hung up")

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

// Err tells why the connection ended, as an [*Error]; nil as long as it lasts.
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

// Close hangs up once no reply is outstanding, or after the drain time: a peer that answers to nobody connects back to
// the name it gave us. New calls fail at once. The error tells that a reply was still outstanding; the connection is
// closed in any case.
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
	c.end(&Error{Step: StageLink, Outcome: Failed, Addr: c.addr, Err: errHungUp})
	c.work.Wait()
	if alive && outstanding > 0 {
		return &Error{Step: StageLink, Outcome: Silent, Addr: c.addr, Detail: fmt.Sprintf("hung up with %d replies outstanding after %s", outstanding, c.o.Drain)}
	}
	return nil
}

// end closes the connection and keeps the first reason; reading then ends.
func (c *Conn) end(why *Error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = why
	}
	c.mu.Unlock()
	_ = c.c.Close()
}

// read takes frames until the connection ends. Whatever is no reply to a call is dropped: nobody may make us act.
func (c *Conn) read() {
	defer close(c.done)
	r := bufio.NewReader(c.c)
	for {
		m, err := c.frame(r)
		if err == nil && len(m) == 0 {
			err = c.write(tick)
		} else if err == nil {
			err = c.take(m)
		}
		if err != nil {
			c.end(c.reason(err))
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

func (c *Conn) reason(err error) *Error {
	e := &Error{Step: StageLink, Outcome: Classify(err, StageLink), Addr: c.addr, Err: err}
	switch e.Outcome {
	case Closed:
		e.Detail, e.Err = "the peer hung up", nil
	case Silent:
		if errors.Is(err, os.ErrDeadlineExceeded) { // else the kernel or write tells
			e.Detail, e.Err = fmt.Sprintf("nothing came for %s, not even a tick", c.o.Silence), nil
		}
	}
	return e
}

// take gives a reply to the call that waits for it.
func (c *Conn) take(m []byte) error {
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
		waiting <- reply{result, err} // it has room for one
		delete(c.waiting, p.to.ID)
		if c.closing && len(c.waiting) == 0 {
			close(c.drained)
		}
	}
	return nil
}

// tick keeps the peer from thinking that we are gone.
func (c *Conn) tick() {
	t := time.NewTicker(c.o.Tick)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-t.C:
			if err := c.write(tick); err != nil {
				c.end(c.reason(err))
				return
			}
		}
	}
}

// write sends a whole frame. After an error the connection is of no more use, because half a frame may have been sent:
// so no context of a call has a say here, only the budget.
func (c *Conn) write(frame []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.c.SetWriteDeadline(time.Now().Add(writeBudget)); err != nil {
		return err
	}
	_, err := c.c.Write(frame)
	if err != nil && isTimeout(err) {
		return &protocolError{Silent, fmt.Sprintf("the peer has taken no bytes for %s", writeBudget)}
	}
	return err
}

// Call asks the node for Module:Function(Args) and waits for the result. Only the reads of a fixed table are sent (see
// [Allowed]); others fail with [ErrForbidden]. A call whose context ends leaves the connection in order; its
// reply, when it comes, is dropped. Only a peer that reads nothing can hold a call longer than its context, for 2 s;
// then the connection ends. A context without a deadline gets one of 10 s. Errors are [*Error], with outcome
// BadRPC where the node could not run the call.
func (c *Conn) Call(ctx context.Context, module, function string, args ...Term) (Term, error) {
	name := module + ":" + function
	fail := func(o Outcome, detail string, err error) (Term, error) {
		return nil, &Error{Step: StageCall, Outcome: o, Addr: c.addr, Detail: name + ": " + detail, Err: err}
	}
	if !Allowed(module, function, args...) {
		return nil, &Error{Step: StageCall, Outcome: Failed, Addr: c.addr, Detail: name + text(Tuple(args)), Err: ErrForbidden}
	}
	ctx, cancel := budget(ctx)
	defer cancel()
	began := time.Now()
	if ctx.Err() != nil {
		return fail(Failed, "not asked", context.Cause(ctx))
	}
	number, replied, err := c.register()
	if err != nil {
		return fail(OutcomeOf(err), "not asked", what(err))
	}
	self := Pid{Node: Atom(c.Peer.Self), ID: number, Creation: c.Peer.creation}
	if err := c.write(callFrame(self, Atom(module), Atom(function), args)); err != nil {
		c.end(c.reason(err))
		<-c.done
		return fail(OutcomeOf(c.Err()), "could not be asked", what(c.Err()))
	}
	var r reply
	select {
	case r = <-replied:
	case <-c.done:
		select {
		case r = <-replied: // it came just before the end
		default:
			return fail(OutcomeOf(c.Err()), "no reply", what(c.Err()))
		}
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return fail(Failed, "given up", context.Cause(ctx))
		}
		return fail(Silent, fmt.Sprintf("no reply in %s", time.Since(began).Round(time.Millisecond)), nil)
	}
	if r.err != nil {
		return fail(Malformed, "the reply", r.err)
	}
	if t, bad := r.result.(Tuple); bad && len(t) == 2 && t[0] == Term(Atom("badrpc")) {
		return fail(BadRPC, "badrpc "+text(t[1]), nil)
	}
	return r.result, nil
}

// what gives an error of this connection without the address and the step, for another one's text that has them.
func what(err error) error {
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

// register gives a call its number. Numbers begin at 1 and may come again after four thousand million calls.
func (c *Conn) register() (uint32, <-chan reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return 0, nil, c.err
	case c.closing:
		return 0, nil, errHungUp
	case len(c.waiting) >= maxOutstanding:
		return 0, nil, &Error{Step: StageCall, Outcome: Silent, Addr: c.addr, Detail: fmt.Sprintf("%d calls have got no reply", len(c.waiting))}
	}
	c.last++
	replied := make(chan reply, 1)
	c.waiting[c.last] = replied
	return c.last, replied, nil
}
