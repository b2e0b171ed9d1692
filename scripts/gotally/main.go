// Command gotally runs `go test -json` with its arguments and counts the tests that ran.
//
// In: arguments for go test. Out, on stdout: a line per package, the output of failed tests, the reasons of skipped tests,
// the slowest tests, and as the last line "N passed, N failed, N skipped". The counts come from the events of the run, so
// a package from Go's test cache counts the same as when it ran.
//
// The exit code is 0 if at least one test ran and none failed, 130 after an interrupt, otherwise 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 0 {
		args = []string{"./..."}
	}
	start := time.Now()
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	// What tests run must find a laptop, not a step of GitHub Actions whose summary it would write.
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=")
	// A separate process group: make sends SIGTERM only to its child, and the go command does not pass signals on to the
	// test binaries. One signal to the group stops them all.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotally:", err)
		return 1
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "gotally:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) })

	t := newTally(os.Stdout)
	readErr := t.read(stdout)
	waitErr := cmd.Wait()
	interrupted := ctx.Err() != nil
	t.finish(errors.Join(readErr, waitErr), interrupted, time.Since(start))
	switch {
	case interrupted:
		return 130
	case t.failed > 0 || t.passed == 0:
		return 1
	}
	return 0
}
