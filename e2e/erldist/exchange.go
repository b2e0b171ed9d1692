package erldist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// defaultBudget bounds an exchange whose context has no deadline. A node gives each step of the handshake 7 s
// (net_setuptime): a later answer does not come.
const defaultBudget = 10 * time.Second

var longAgo = time.Unix(1, 0)

// protocolError is what a parser found wrong. Its text quotes no bytes that can be of a challenge or a digest.
type protocolError struct {
	outcome Outcome
	says    string
}

func (e *protocolError) Error() string { return e.says }

func malformed(format string, args ...any) error {
	return &protocolError{Malformed, fmt.Sprintf(format, args...)}
}

// exchange is a connection on which requests and answers take turns. It counts what has come of the answer that is
// being read, so that an error can tell.
type exchange struct {
	c    net.Conn
	addr string
	got  int // bytes that have come
	want int // bytes that are due, 0 while that is not known
}

// open dials. An error is an *Error.
func open(ctx context.Context, dial Dialer, addr string) (*exchange, error) {
	ctx, cancel := budget(ctx)
	defer cancel()
	c, err := dial(ctx, "tcp", addr)
	if err == nil {
		return &exchange{c: c, addr: addr}, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, givenUp(ctx, StageDial, addr)
	}
	var own *Error
	if errors.As(err, &own) {
		return nil, own // of a dialer that does more than dial
	}
	return nil, &Error{Step: StageDial, Outcome: Classify(err, StageDial), Addr: addr, Err: err}
}

func budget(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultBudget)
}

func givenUp(ctx context.Context, stage Stage, addr string) error {
	return &Error{Step: stage, Outcome: Failed, Addr: addr, Detail: "given up", Err: context.Cause(ctx)}
}

// under runs f, which names the stage it is at, with the context's end as the connection's deadline; a cancelled context
// interrupts whatever f waits for. An error of f becomes an *Error.
func (x *exchange) under(ctx context.Context, f func(at *Stage) error) error {
	began := time.Now()
	ctx, cancel := budget(ctx)
	defer cancel()
	end, _ := ctx.Deadline()
	var stage Stage
	err := x.c.SetDeadline(end)
	if err == nil {
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			_ = x.c.SetDeadline(longAgo)
			close(interrupted)
		})
		err = f(&stage)
		if !stop() {
			<-interrupted // no late deadline may hit whoever uses the connection next
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return givenUp(ctx, stage, x.addr)
	}
	return x.failure(stage, err, time.Since(began))
}

// failure tells what was seen before err.
func (x *exchange) failure(stage Stage, err error, took time.Duration) error {
	e := &Error{Step: stage, Outcome: Classify(err, stage), Addr: x.addr, Err: err}
	progress := fmt.Sprintf("%d bytes", x.got)
	if x.want > x.got {
		progress = fmt.Sprintf("%d of %d bytes", x.got, x.want)
	}
	// Where the outcome and the count say all, the cause ("EOF", "i/o timeout") adds nothing.
	switch e.Outcome {
	case Closed, ClosedBeforeStatus:
		e.Detail, e.Err = "closed after "+progress, nil
	case ClosedAfterReply:
		e.Detail, e.Err = "closed without a byte: the peer has another cookie", nil
	case Silent:
		e.Detail, e.Err = fmt.Sprintf("connected, and %s came in %s", progress, took.Round(time.Millisecond)), nil
	case Reset:
		e.Detail = "reset after " + progress
	}
	return e
}

// Read reads from the connection, and counts.
func (x *exchange) Read(b []byte) (int, error) {
	n, err := x.c.Read(b)
	x.got += n
	return n, err
}

// write sends a whole request; what comes from now on is its answer.
func (x *exchange) write(b []byte) error {
	x.got, x.want = 0, 0
	_, err := x.c.Write(b)
	return err
}

func (x *exchange) close() { _ = x.c.Close() }
