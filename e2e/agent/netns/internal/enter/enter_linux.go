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

// Do runs f in the namespace. Only f runs there: its thread is locked to it, and serves others only after it has come back. One
// that cannot come back ends. To make a thread for each f would cost more than most of them do.
func Do(ns *os.File, f func() error) error {
	done := make(chan error, 1)
	go inside(ns, f, done)
	return <-done
}

func inside(ns *os.File, f func() error, done chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Go cannot end the main thread, should it not come back. Locking it here makes sure that the second attempt runs on
		// another thread.
		defer runtime.UnlockOSThread()
		done <- Do(ns, f)
		return
	}
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		done <- fmt.Errorf("open the own network namespace: %w", err)
		return
	}
	back := true
	if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		err = fmt.Errorf("enter the network namespace: %w", err)
	} else {
		err = f()
		back = unix.Setns(own, unix.CLONE_NEWNET) == nil
	}
	_ = unix.Close(own)
	if back {
		runtime.UnlockOSThread()
	} // else Go ends the thread together with the goroutine
	done <- err
}
