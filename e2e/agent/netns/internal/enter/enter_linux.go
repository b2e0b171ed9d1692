// Package enter enters a network namespace. It asks nobody whose namespace it is: that is what the doors of package netns
// are for, and only they and the tests' namespaces may import it.
//
// In: an open namespace and a function. Out: the function's result.
package enter

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs f on a separate thread that has entered the namespace. The thread ends afterwards, so that no other goroutine can
// run in a foreign namespace.
func Do(ns *os.File, f func() error) error {
	done := make(chan error, 1)
	go inside(ns, f, done)
	return <-done
}

func inside(ns *os.File, f func() error, done chan<- error) {
	// The thread is not unlocked, so Go ends it together with the goroutine.
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Go cannot end the main thread; it would stay in the namespace for ever. Locking it here makes sure that the
		// second attempt runs on another thread.
		defer runtime.UnlockOSThread()
		done <- Do(ns, f)
		return
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		done <- fmt.Errorf("enter the network namespace: %w", err)
		return
	}
	done <- f()
}
