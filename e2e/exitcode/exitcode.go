// Package exitcode attaches the exit code of a run to an error. The code is set where the cause is known; outer
// layers only pass the error on.
//
// In: errors. Out: the same errors with a code, and which code counts where there are several. It imports nothing of ours.
package exitcode

// The exit codes of meshproof's binaries. [Table] has their meaning and their precedence.
const (
	OK          = 0
	Fail        = 1
	Unknown     = 2
	Usage       = 64
	Unavailable = 69
	Internal    = 70
	Interrupted = 130
)

type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// With returns err with code. A nil err stays nil. What already has a code in it keeps that, because it was set nearer to the cause.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return coded{err, of(err, code)}
}

// Of is the exit code of err: OK for nil, Internal for what has no code. Of several errors that are joined, the code that comes
// first in [Table] counts, wherever it stands among them.
func Of(err error) int {
	if err == nil {
		return OK
	}
	return of(err, Internal)
}

// of is the code of err, in which each error that has none has the code uncoded.
func of(err error, uncoded int) int {
	switch e := err.(type) {
	case coded:
		return e.code
	case interface{ Unwrap() []error }:
		var codes []int
		for _, part := range e.Unwrap() {
			codes = append(codes, of(part, uncoded))
		}
		return First(codes...)
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return of(inner, uncoded)
		}
	}
	return uncoded
}

// Late returns err for a run that has made something already. Usage and Unavailable would say that nothing was made, so they become
// what they are by then: a wrong profile is the configuration's fault, Fail; a cluster that cannot host the run is Internal,
// because we should have seen that before.
func Late(err error) error {
	switch Of(err) {
	case Usage:
		return coded{err, Fail}
	case Unavailable:
		return coded{err, Internal}
	}
	return err
}
