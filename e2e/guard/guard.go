// Package guard makes an error of a panic. Without it, a panic in any goroutine ends the whole process at once: with exit code 2,
// which means "unknown", without a report, with artifacts that are not redacted, and without clean-up.
//
// In: a function, and who is told if it panics. Out: the same function call, that cannot end the process. No goroutine of the
// harness is started without it; a test holds that. It imports nothing of ours.
package guard

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// PanicError is a panic as an error. It is always a bug of ours.
type PanicError struct {
	Value any
	Stack string
}

func (p *PanicError) Error() string { return p.Sentence() + "\n" + p.Stack }

// Sentence is the error without the stack.
func (p *PanicError) Sentence() string { return fmt.Sprintf("a bug of ours: %v", p.Value) }

// Try calls f. If f panics, that is the error.
func Try(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{p, string(debug.Stack())}
		}
	}()
	return f()
}

// Go calls f in a goroutine, which wg counts if it is not nil. If f panics, caught gets the error, in the same goroutine; without
// caught the panic ends the process.
func Go(wg *sync.WaitGroup, caught func(error), f func()) {
	guarded := func() { call(caught, f) }
	if wg == nil {
		go guarded()
		return
	}
	wg.Go(guarded)
}

// AfterFunc is time.AfterFunc, guarded as Go.
func AfterFunc(d time.Duration, caught func(error), f func()) *time.Timer {
	return time.AfterFunc(d, func() { call(caught, f) })
}

func call(caught func(error), f func()) {
	if caught == nil {
		f()
		return
	}
	if err := Try(func() error { f(); return nil }); err != nil {
		caught(err)
	}
}

// Bug is the panic in err, nil if there is none: an error that is only logged must not hide one.
func Bug(err error) *PanicError {
	var p *PanicError
	if errors.As(err, &p) {
		return p
	}
	return nil
}
