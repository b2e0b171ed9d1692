package erldist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// defaultTimeout limits an exchange whose context has no deadline. A node limits each step of the handshake to 7 s
// (net_setuptime), so there is no later answer.
const defaultTimeout = 10 * time.Second

var longAgo = time.Unix(1, 0)

// protocolError is the error of a parser. Its text quotes no bytes that could be part of a challenge or a digest.
type protocolError struct {
	outcome Outcome
	message string
}

func (e *protocolError) Error() string { return e.message }

func malformed(format string, args ...any) error {
	return &protocolError{Malformed, fmt.Sprintf(format, args...)}
}

// exchange is a connection with alternating requests and answers. It counts the received bytes of the current answer for
// error messages.
type exchange struct {
	c    net.Conn
	addr string
	got  int // received bytes of the current answer
	want int // its expected bytes, 0 while not known
}

// open dials. An error is an *Error.
func open(ctx context.Context, dial Dialer, addr string) (*exchange, error) {
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	c, err := dial(ctx, "tcp", addr)
	if err == nil {
		return &exchange{c: c, addr: addr}, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, cancelled(ctx, StageDial, addr)
	}
	var own *Error
	if errors.As(err, &own) {
		return nil, own // from a dialer such as that of OverTLS
	}
	return nil, &Error{Step: StageDial, Outcome: Classify(err, StageDial), Addr: addr, Err: err}
}

func withDefaultDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultTimeout)
}

func cancelled(ctx context.Context, stage Stage, addr string) error {
	return &Error{Step: stage, Outcome: Failed, Addr: addr, Detail: "cancelled", Err: context.Cause(ctx)}
}

// withDeadline runs f, which sets its current stage, with the context's deadline on the connection. If the context is
// cancelled, it interrupts f. An error of f becomes an *Error.
func (x *exchange) withDeadline(ctx context.Context, f func(at *Stage) error) error {
	began := time.Now()
	ctx, cancel := withDefaultDeadline(ctx)
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
			<-interrupted // the deadline must not be set later, when the connection is used for something else
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return cancelled(ctx, stage, x.addr)
	}
	return x.failure(stage, err, time.Since(began))
}

// failure is the *Error for err, with the progress of the exchange.
func (x *exchange) failure(stage Stage, err error, took time.Duration) error {
	e := &Error{Step: stage, Outcome: Classify(err, stage), Addr: x.addr, Err: err}
	progress := fmt.Sprintf("%d bytes", x.got)
	if x.want > x.got {
		progress = fmt.Sprintf("%d of %d bytes", x.got, x.want)
	}
	// Where the outcome and the byte count are enough, the cause ("EOF", "i/o timeout") is left out.
	switch e.Outcome {
	case Closed, ClosedBeforeStatus:
		e.Detail, e.Err = "closed after "+progress, nil
	case ClosedAfterReply:
		e.Detail, e.Err = "closed without sending a byte: the peer has another cookie", nil
	case Silent:
		e.Detail, e.Err = fmt.Sprintf("connected, but received only %s within %s", progress, took.Round(time.Millisecond)), nil
	case Reset:
		e.Detail = "reset after " + progress
	}
	return e
}

// Read reads from the connection and counts the bytes.
func (x *exchange) Read(b []byte) (int, error) {
	n, err := x.c.Read(b)
	x.got += n
	return n, err
}

// write sends a complete request. Bytes received afterwards belong to its answer.
func (x *exchange) write(b []byte) error {
	x.got, x.want = 0, 0
	_, err := x.c.Write(b)
	return err
}

func (x *exchange) close() { _ = x.c.Close() }
