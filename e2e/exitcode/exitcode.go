// Package exitcode attaches the exit code of a run to an error. The code is set where the cause is known; outer
// layers only pass the error on.
//
// In: errors. Out: the same errors with a code. It imports nothing of ours.
package exitcode

import "errors"

// The exit codes of meshproof's binaries. If several apply, the order of precedence is Interrupted, Fail, Internal,
// Unknown, OK. Usage and Unavailable are decided before anything is created.
const (
	OK          = 0   // every check that applies passed
	Fail        = 1   // at least one required or latent check failed: the app or its configuration is at fault
	Unknown     = 2   // no check failed, but at least one could not be decided
	Usage       = 64  // wrong flags, profile or selection; nothing was created
	Unavailable = 69  // this machine or cluster cannot host the run; nothing was created
	Internal    = 70  // the harness's own fault: node, base or agent image, cluster creation, a bug
	Interrupted = 130 // stopped by a signal; everything that was created has been removed
)

// Word is the name of a code, as in the file reports/out/latest/exit and in the last lines of a run.
func Word(code int) string {
	switch code {
	case OK:
		return "ok"
	case Fail:
		return "fail"
	case Unknown:
		return "unknown"
	case Usage:
		return "usage"
	case Unavailable:
		return "unavailable"
	case Internal:
		return "internal"
	case Interrupted:
		return "interrupted"
	}
	return "undefined"
}

type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// With returns err with code. A nil err stays nil. An error that already has a code keeps it, because that code was
// set nearer to the cause.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	var c coded
	if errors.As(err, &c) {
		return err
	}
	return coded{err, code}
}

// Of is the exit code of err: OK for nil, Internal for an error without a code.
func Of(err error) int {
	if err == nil {
		return OK
	}
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return Internal
}
