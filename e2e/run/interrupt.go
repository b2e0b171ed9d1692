package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"meshproof.dev/meshproof/e2e/guard"
)

// Interruptible gives a context that ends when the program is interrupted: by Ctrl-C, by SIGTERM, or by SIGHUP when its terminal is
// closed, unless it was started with nohup. A second signal changes nothing, the clean-up goes on. Nor does the end of whoever reads
// the output: without this, the first line to a closed pipe would end the process in the middle of the clean-up.
func Interruptible(parent context.Context) (context.Context, func()) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	// Not signal.NotifyContext: its cause is the signal, and what was interrupted is to be known by context.Canceled.
	ctx, cancel := context.WithCancel(parent)
	interrupted, pipe := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(interrupted, signals...)
	signal.Notify(pipe, syscall.SIGPIPE) // caught and dropped, not ignored: programs that are started would inherit that
	guard.Go(nil, func(error) { cancel() }, func() {
		select {
		case <-interrupted:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		signal.Stop(interrupted)
		signal.Stop(pipe)
		cancel()
	}
}
