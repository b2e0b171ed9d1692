// Package engine finds a container engine (docker or podman) that can run the harness's containers, and runs its
// commands.
//
// In: the caller's options. Out: an Engine that has run a privileged container on this machine, or an error with
// exit code 69 that lists each attempt, its error and a remedy. The configuration of the machine is not changed:
// podman's extra settings are in a file in the state directory, which podman finds through the environment
// variable CONTAINERS_CONF. Packages are installed only when the caller allows it, and are logged first.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The names of engines. They are also the commands that kind's providers run.
const (
	Docker = "docker"
	Podman = "podman"
)

// Engine is a container engine that has run a privileged container. It holds no connection and no process. It is
// safe for concurrent use.
type Engine struct {
	name string
	env  []string
	// Version is the version of docker's server, or of podman's binary ("4.3.1").
	Version string
}

// New returns an Engine without testing it. It is for a process whose parent has called Find, such as the keeper
// of a cluster. name is Docker or Podman; env is the result of Engine.Env.
func New(name string, env []string) *Engine { return &Engine{name: name, env: env} }

// Name is "docker" or "podman".
func (e *Engine) Name() string { return e.name }

// Command is the engine's command, found on PATH.
func (e *Engine) Command() string { return e.name }

// Env lists the variables that the engine needs in addition to the caller's environment, as NAME=value. It may be
// empty. A caller that runs the engine without this package (through kind or a Makefile) must pass them on.
func (e *Engine) Env() []string { return append([]string(nil), e.env...) }

// String names the engine for a progress line: "podman 4.3.1 with CONTAINERS_CONF=/…/containers.conf".
func (e *Engine) String() string {
	s := strings.TrimSpace(e.name + " " + e.Version)
	if len(e.env) > 0 {
		s += " with " + strings.Join(e.env, " ")
	}
	return s
}

// Cmd prepares an engine command with the engine's environment. It is for callers that need stdin or a live
// stdout; all others use Run or Output.
//
// When ctx ends, the command gets SIGTERM, and SIGKILL five seconds later: the engine may hold a lock on its
// store.
func (e *Engine) Cmd(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, e.name, args...)
	c.Env = append(os.Environ(), e.env...)
	c.Cancel = func() error { return c.Process.Signal(terminate) }
	c.WaitDelay = 5 * time.Second
	return c
}

// Run runs one engine command. The error contains the command and the end of its stderr.
func (e *Engine) Run(ctx context.Context, args ...string) error {
	_, err := e.Output(ctx, args...)
	return err
}

// Output runs one engine command and returns its stdout. The error contains the command and the end of its
// stderr.
func (e *Engine) Output(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := e.stream(ctx, nil, &out, args...)
	return out.Bytes(), err
}

// Stream runs one engine command with the given stdin (nil: none) and stdout (nil: discarded). The error is as in
// Output.
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

// commandError is "COMMAND: ERROR: OUTPUT". output is the end of what the command wrote.
func commandError(ctx context.Context, name string, args []string, err error, output string) error {
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
	output = strings.Join(strings.Fields(output), " ")
	if output == "" {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %s", what, err, output)
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

// isExit reports whether a command ran and exited by itself with a code other than 0.
func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() > 0
}

// Absent reports whether the error of an engine's command says that there is no engine: the command is not on PATH, or docker has
// no daemon that could be asked. What such an engine has made may be there again when it comes back.
func Absent(err error) bool {
	if errors.Is(err, exec.ErrNotFound) {
		return true
	}
	return err != nil && slices.ContainsFunc(noDaemon, func(says string) bool { return strings.Contains(err.Error(), says) })
}

// noDaemon is what docker's client says where nobody listens. What it says of a daemon that refuses it is other.
var noDaemon = []string{"Cannot connect to the Docker daemon", "failed to connect to the docker API"}

// terminate is the signal that ends a command. The command can handle it and clean up.
const terminate = syscall.SIGTERM
