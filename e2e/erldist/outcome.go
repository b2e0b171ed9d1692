package erldist

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Outcome is the result of an attempt to talk to a peer. Its values are written into recordings, so they must not change.
type Outcome string

// The outcomes. Those of a dial show how far packets get, the others show what answers.
const (
	// OK means that the peer answered as expected.
	OK Outcome = "ok"

	// Refused means that the SYN was answered by a reset, or by an ICMP port unreachable (the default of iptables'
	// REJECT): nothing listens on that address.
	Refused Outcome = "refused"
	// Rejected means that a rule forbids the connection and reports it: an ICMPv6 "administratively prohibited", a route
	// of type prohibit, or a local rule (EACCES, EPERM). Linux reports the IPv4 ICMP "prohibited" like a missing route
	// (measured: EHOSTUNREACH for host and admin, ENETUNREACH for net), so that it counts as Unreachable.
	Rejected Outcome = "rejected"
	// Unreachable means that there is no route, that the address does not answer on its link, or that an IPv4 ICMP error
	// "unreachable" or "prohibited" was received.
	Unreachable Outcome = "unreachable"
	// Timeout means that there was no answer to the SYN in time: packets are dropped on the way, or the listener's backlog
	// is full.
	Timeout Outcome = "timeout"

	// Silent means that a connection was accepted, but the expected data did not arrive in time: a proxy that accepts for
	// a dead peer, another program on the port, or a node that is too busy to answer.
	Silent Outcome = "silent"
	// ClosedBeforeStatus means that the peer closed the connection after our name without sending a byte. A TLS listener,
	// a proxy, or a node that is shutting down may do so.
	ClosedBeforeStatus Outcome = "closed-before-status"
	// ClosedAfterReply means that the peer closed the connection normally after our answer to its challenge. A node does so
	// if it has another cookie (dist_util:recv_challenge_reply). A link that breaks at that point is Reset or Silent.
	ClosedAfterReply Outcome = "closed-after-reply"
	// Closed means that the peer closed the connection at any other point: epmd without an answer, a node in the middle of
	// a message or during a call.
	Closed Outcome = "closed"
	// Reset means that an accepted connection was closed by a reset.
	Reset Outcome = "reset"

	// NotAllowed is the status not_allowed: the peer accepts only certain nodes (net_kernel:allow/1), or this client lacks
	// a flag.
	NotAllowed Outcome = "not-allowed"
	// Nok is the status nok: the peer is already connecting to a node with our name. See [Outcome.Transient].
	Nok Outcome = "nok"
	// Alive is the status alive: the peer has a connection to a node with our name, and asks whether it may drop that
	// connection. This client always answers no. See [Outcome.Transient].
	Alive Outcome = "alive"
	// WrongDigest means that the peer accepted our cookie and did not prove that it has the same: it is not a real node.
	WrongDigest Outcome = "wrong-digest"
	// TLSAlert means that the answer is a TLS record: the listener does not accept plain distribution (-proto_dist).
	TLSAlert Outcome = "tls-alert"
	// TLSRefused means that the peer ended a TLS connection with an alert, for example because it rejects our certificate.
	TLSRefused Outcome = "tls-refused"
	// NotTLS means that the answer to our TLS handshake is not TLS: the listener does not use TLS.
	NotTLS Outcome = "not-tls"
	// Malformed means that the received bytes are not of the protocol, or more than the limits allow.
	Malformed Outcome = "malformed"

	// NotRegistered means that epmd answered and the name is not registered.
	NotRegistered Outcome = "not-registered"
	// BadRPC means that the node answered a call with badrpc: it could not run the call.
	BadRPC Outcome = "badrpc"

	// Failed means that our own side failed or was cancelled (a cancelled context, a forbidden call): nothing is known
	// about the peer.
	Failed Outcome = "error"
)

// Denied is another name of [ClosedAfterReply], for callers that are only interested in the cookie.
const Denied = ClosedAfterReply

// Transient reports whether the outcome only means that the peer was busy with another connection of our name (nok, alive):
// the caller should retry, and take the result as unknown if it stays.
func (o Outcome) Transient() bool { return o == Nok || o == Alive }

// Stage is the step at which an attempt ended.
type Stage string

// The stages, in the order in which a connection goes through them.
const (
	StageDial      Stage = "dialling"
	StageTLS       Stage = "TLS handshake"
	StageEPMD      Stage = "querying epmd" // sending a request and reading the answer
	StageName      Stage = "sending our name"
	StageStatus    Stage = "reading the status"      // the peer's first message
	StageChallenge Stage = "reading the challenge"   // the peer's second message: who it is
	StageReply     Stage = "answering the challenge" // our proof of the cookie
	StageAck       Stage = "waiting for the peer's proof"
	StageCall      Stage = "calling"    // one call on a connection
	StageLink      Stage = "connection" // between calls: why a connection ended
)

// Error is the error of an attempt.
type Error struct {
	Step    Stage
	Outcome Outcome
	Addr    string // the dialled address, "10.0.0.7:4369"
	Detail  string // the observation, without address: "closed after 0 bytes"
	Err     error  // the cause, nil if Detail is enough; it never contains a cookie, challenge or digest
}

// Error starts with the address: "10.1.2.3:4369: querying epmd: closed after 0 bytes".
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

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf returns the outcome of err: OK for nil, Failed for an error that is not an [*Error].
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

// DialOutcome classifies the error of a plain connection, for callers that use another protocol.
func DialOutcome(err error) Outcome { return Classify(err, StageDial) }

// Classify returns the outcome of an error at a stage. An [*Error] (or an error that wraps one) keeps its outcome; other
// outcomes are derived from the error of the operating system or the context. All outcomes are decided here.
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
		// The kernel has ended an established connection because of an ICMP error or a lost neighbour.
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

// isTimeout reports whether a deadline has passed: of the kernel, of a connection, or of a context.
func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
