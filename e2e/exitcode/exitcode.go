// Package exitcode gives errors the exit code they end a run with, so that the place that knows why
// something failed says whose fault it is and every outer layer only passes the error on.
//
// In: errors. Out: the same errors, carrying a code. It imports nothing of ours.
package exitcode

import "errors"

// The exit codes of meshproof's binaries. When several apply the order of precedence is
// Interrupted, Fail, Internal, Unknown, OK; Usage and Unavailable are decided before anything is made.
const (
	OK          = 0   // every check that applies passed
	Fail        = 1   // at least one required or latent check failed: the app or its configuration is at fault
	Unknown     = 2   // nothing failed, but something that matters was not seen
	Usage       = 64  // wrong flags, profile or selection; said before anything was made
	Unavailable = 69  // this machine or cluster cannot host the run; said before anything was made
	Internal    = 70  // our own fault: node, base or agent image, cluster creation, a bug
	Interrupted = 130 // stopped by a signal; what was made has been removed
)

// Word names a code the way the file reports/out/latest/exit and the closing lines do.
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

// With returns err carrying code. A nil err stays nil. An error that already carries a code keeps the
// inner one: the place nearest to the cause knows best.
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

// Of tells the code that err ends a run with: OK for nil, Internal for an error that carries none.
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
