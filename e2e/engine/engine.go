// Package engine finds a container engine (docker or podman) that can do what the harness asks of it, and runs
// its commands.
//
// In: options of the caller, the machine as it is. Out: an Engine that has run a privileged container on this
// machine, or an error of code 69 that lists what was tried, what was seen and what to do. Nothing on the
// machine is reconfigured: what podman needs beside its own defaults lies in a file of ours in the state
// directory and reaches it through the environment (CONTAINERS_CONF). Packages are installed only when the
// caller allows it, and are named before.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The names an Engine may have; they are also the commands that kind runs for its providers.
const (
	Docker = "docker"
	Podman = "podman"
)

// Engine is a container engine that was seen to run a privileged container. It holds no connection and no
// process; its methods may be called from several goroutines.
type Engine struct {
	name string
	env  []string
	// Version is what the engine's server says of itself ("4.3.1"); of podman, the binary's version.
	Version string
}

// New returns an Engine without trying it. It is meant for a process that was told the engine by one that did
// call Find, as the keeper of a cluster is. The name is Docker or Podman; env as Engine.Env returns it.
func New(name string, env []string) *Engine { return &Engine{name: name, env: env} }

// Name is "docker" or "podman".
func (e *Engine) Name() string { return e.name }

// Command is the command to run, looked up on PATH. kind runs its providers by the same name.
func (e *Engine) Command() string { return e.name }

// Env is what the engine needs beside the caller's own environment, as NAME=value, possibly nothing. Whoever
// runs the engine by other means than this package (kind, a Makefile) must pass it on.
func (e *Engine) Env() []string { return append([]string(nil), e.env...) }

// String names the engine for a progress line: "podman 4.3.1 with CONTAINERS_CONF=/…/containers.conf".
func (e *Engine) String() string {
	s := strings.TrimSpace(e.name + " " + e.Version)
	if len(e.env) > 0 {
		s += " with " + strings.Join(e.env, " ")
	}
	return s
}

// Cmd prepares one engine command that ends with ctx, with the engine's environment set. Callers that need
// stdin or a live stdout use it; all others use Run or Output.
//
// The command is asked to end (SIGTERM) and given five seconds before it is killed, so that the engine can
// finish what it holds a lock on.
func (e *Engine) Cmd(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, e.name, args...)
	c.Env = append(os.Environ(), e.env...)
	c.Cancel = func() error { return c.Process.Signal(terminate) }
	c.WaitDelay = 5 * time.Second
	return c
}

// Run runs one engine command. The error names the command and holds the end of what it wrote.
func (e *Engine) Run(ctx context.Context, args ...string) error {
	_, err := e.Output(ctx, args...)
	return err
}

// Output runs one engine command and returns its stdout. The error names the command and holds the end of its
// stderr.
func (e *Engine) Output(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := e.stream(ctx, nil, &out, args...)
	return out.Bytes(), err
}

// Stream runs one engine command with the given stdin (nil: none) and stdout (nil: thrown away). The error is
// as in Output.
func (e *Engine) Stream(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) error {
	return e.stream(ctx, stdin, stdout, args...)
}

func (e *Engine) stream(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) error {
	c := e.Cmd(ctx, args...)
	tail := &tailWriter{limit: 2048}
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, tail
	if err := c.Run(); err != nil {
		return commandError(ctx, e.name, args, err, tail.String())
	}
	return nil
}

// commandError says which command failed, how, and what it wrote last.
func commandError(ctx context.Context, name string, args []string, err error, said string) error {
	what := name
	if len(args) > 0 {
		what += " " + args[0]
		if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
			what += " " + args[1]
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	said = strings.Join(strings.Fields(said), " ")
	if said == "" {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %s", what, err, said)
}

// tailWriter keeps the last bytes written to it.
type tailWriter struct {
	limit int
	buf   []byte
}

func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.limit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return string(t.buf) }

// isExit tells that a command ran and ended by itself with a code other than 0.
func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() > 0
}

// terminate asks a command to end and lets it finish what it is in the middle of.
const terminate = syscall.SIGTERM
