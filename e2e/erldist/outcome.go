package erldist

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Outcome says in a word how an attempt to talk to a peer ended. The words are written into recordings: they are an
// interface, not a wording.
type Outcome string

// The outcomes. Those after a dial tell how far packets get; those after it tell what answers.
const (
	// OK means that the peer said what it should.
	OK Outcome = "ok"

	// Refused means that the SYN was answered by a reset, or by an ICMP port unreachable (the default of iptables'
	// REJECT): nothing listens on that address.
	Refused Outcome = "refused"
	// Rejected means that a rule forbids the connection and says so: an ICMPv6 "administratively prohibited", a route of
	// type prohibit, or a local rule (EACCES, EPERM). Linux reports the IPv4 ICMP "prohibited" like a missing route
	// (measured: EHOSTUNREACH for host and admin, ENETUNREACH for net), so that it counts as Unreachable.
	Rejected Outcome = "rejected"
	// Unreachable means that there is no route, that the address does not answer on its link, or that an IPv4 ICMP
	// error of the kind unreachable or prohibited came back.
	Unreachable Outcome = "unreachable"
	// Timeout means that nothing answered the SYN in time: packets are dropped on the way, or the listener's backlog is full.
	Timeout Outcome = "timeout"

	// Silent means that a connection was accepted and that what was due did not come in time: a proxy that accepts
	// for a dead peer, something else on the port, or a node too busy to answer.
	Silent Outcome = "silent"
	// ClosedBeforeStatus means that the peer hung up on our name without a byte: a TLS listener or a proxy may do so, and a
	// node that is going down.
	ClosedBeforeStatus Outcome = "closed-before-status"
	// ClosedAfterReply means that the peer hung up in good order on our answer to its challenge, which is how a node
	// shows that its cookie is another (dist_util:recv_challenge_reply). A link that breaks there is Reset or Silent.
	ClosedAfterReply Outcome = "closed-after-reply"
	// Closed means that the peer hung up at any other point: epmd without an answer, a node in the middle of a message or
	// while a call was under way.
	Closed Outcome = "closed"
	// Reset means that an accepted connection was torn down by a reset.
	Reset Outcome = "reset"

	// NotAllowed is the status not_allowed: the peer admits only certain nodes (net_kernel:allow/1), or misses a flag.
	NotAllowed Outcome = "not-allowed"
	// Nok is the status nok: the peer is just connecting to a node of our name. See [Outcome.Again].
	Nok Outcome = "nok"
	// Alive is the status alive: the peer thinks that it is connected to a node of our name, and asks whether that
	// connection may be dropped. This client always says no. See [Outcome.Again].
	Alive Outcome = "alive"
	// WrongDigest means that the peer took our cookie and did not prove that it has it: it is no honest node.
	WrongDigest Outcome = "wrong-digest"
	// TLSAlert means that the answer has the shape of a TLS record: plain distribution is not spoken there (-proto_dist).
	TLSAlert Outcome = "tls-alert"
	// TLSRefused means that the peer ended a TLS connection with an alert: it does not take our certificate, say.
	TLSRefused Outcome = "tls-refused"
	// NotTLS means that the answer to our side of a TLS handshake is none: TLS is not spoken there.
	NotTLS Outcome = "not-tls"
	// Malformed means bytes that are not the protocol's, or more of them than the limits allow.
	Malformed Outcome = "malformed"

	// NotRegistered means that epmd answered and does not know the name.
	NotRegistered Outcome = "not-registered"
	// BadRPC means that the node answered a call with badrpc: it could not run it.
	BadRPC Outcome = "badrpc"

	// Failed means that our own side failed or gave up (a cancelled context, a forbidden call): nothing was learnt
	// about the peer.
	Failed Outcome = "error"
)

// Denied is another name of [ClosedAfterReply], for callers to whom only the cookie matters.
const Denied = ClosedAfterReply

// Again reports whether the outcome says nothing about the peer but that this moment was a bad one (nok, alive): ask
// again, and call it unknown when it stays so.
func (o Outcome) Again() bool { return o == Nok || o == Alive }

// Stage is the step of an attempt at which it ended.
type Stage string

// The stages, in the order in which a connection goes through them.
const (
	StageDial      Stage = "dialling"
	StageTLS       Stage = "beginning TLS"           // on a connection, before anything is said on it
	StageEPMD      Stage = "asking epmd"             // sending a request and reading the answer
	StageName      Stage = "sending our name"        //
	StageStatus    Stage = "reading the status"      // the peer's first message
	StageChallenge Stage = "reading the challenge"   // its second: who it is
	StageReply     Stage = "answering the challenge" // our proof of the cookie
	StageAck       Stage = "waiting for the peer's proof"
	StageCall      Stage = "calling"         // one call on a connection
	StageLink      Stage = "being connected" // between calls: why a connection ended
)

// Error is an attempt that did not end well.
type Error struct {
	Step    Stage
	Outcome Outcome
	Addr    string // that was dialled, "10.0.0.7:4369"
	Detail  string // what was seen, a clause without address: "closed after 0 bytes"
	Err     error  // the cause, nil where Detail says all; it never holds a cookie, challenge or digest
}

// Error is a sentence that starts with the address: "10.1.2.3:4369: asking epmd: closed after 0 bytes".
func (e *Error) Error() string {
	s := e.Addr + ": " + string(e.Step) + ": "
	switch {
	case e.Err == nil:
		return s + e.Detail
	case e.Detail == "":
		return s + e.Err.Error()
	}
	return s + e.Detail + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf gives the outcome that err carries: OK for nil, Failed for an error of another kind.
func OutcomeOf(err error) Outcome {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Outcome
	}
	return Failed
}

// DialOutcome classifies the error of a plain connection, for callers that speak another protocol over it.
func DialOutcome(err error) Outcome { return Classify(err, StageDial) }

// Classify gives the outcome of an error that occurred at a stage: an [*Error] (or one that wraps it) keeps its own, the rest
// is derived from what the operating system or the context said. It is the one place where that is decided.
func Classify(err error, stage Stage) Outcome {
	var own *Error
	var seen *protocolError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &own):
		return own.Outcome
	case errors.As(err, &seen):
		return seen.outcome
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return Failed
	}
	if o, is := classifyTLS(err); is {
		return o
	}
	if stage == StageDial {
		return classifyDial(err)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	case errors.Is(err, io.EOF):
		switch stage {
		case StageStatus:
			return ClosedBeforeStatus
		case StageAck:
			return ClosedAfterReply
		default:
			return Closed
		}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		// The kernel has given up an established connection because of an ICMP error or a lost neighbour.
		return Unreachable
	case isTimeout(err):
		return Silent
	}
	return Failed
}

func classifyDial(err error) Outcome {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return Rejected
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTDOWN):
		return Unreachable
	case errors.Is(err, syscall.ECONNRESET):
		return Reset
	case isTimeout(err):
		return Timeout
	}
	return Failed
}

// isTimeout knows a passed deadline, however it is dressed: by the kernel, a connection, or a context.
func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
