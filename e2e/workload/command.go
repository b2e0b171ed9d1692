package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
)

// How long a profile's command may run, how much it may print, and how much of its last output an error quotes.
const (
	commandLimit = 30 * time.Second
	outputLimit  = 8 << 20
	wordsLimit   = 600
)

var (
	errSlow = errors.New("did not end in time")
	errMuch = errors.New("printed too much")
)

// passed are the environment variables that a command gets, with the XDG and HELM folders: what a program needs to be found and to
// find its own files. Everything else stays here: in CI the environment is where tokens are.
var passed = regexp.MustCompile(`^(PATH|HOME|USER|LOGNAME|TMPDIR|TZ|LANG|LANGUAGE|LC_[A-Z]+|SSL_CERT_(FILE|DIR)|` +
	`XDG_(CACHE|CONFIG|DATA|STATE)_HOME|XDG_RUNTIME_DIR|HELM_(CACHE|CONFIG|DATA)_HOME|HELM_PLUGINS|HELM_REPOSITORY_(CACHE|CONFIG)|KUSTOMIZE_PLUGIN_HOME)=`)

// Environment is the part of an environment that a command gets.
func Environment(all []string) []string {
	few := []string{} // an empty one is not the whole one
	for _, v := range all {
		if passed.MatchString(v) {
			few = append(few, v)
		}
	}
	return few
}

// Output runs a command in dir, without a shell and with a small [Environment], and returns what it prints. The command has a
// process group of its own; no process of it is left when Output returns. The error continues the sentence "the command X …".
func Output(ctx context.Context, dir string, argv []string, limit time.Duration) ([]byte, error) {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := guard.AfterFunc(limit, cancel, func() { cancel(errSlow) })
	defer slow.Stop()

	out := &bounded{limit: outputLimit, over: func() { cancel(errMuch) }}
	words := &bounded{limit: wordsLimit, last: true}
	c := exec.CommandContext(within, argv[0], argv[1:]...)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, Environment(os.Environ()), out, words
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	kill := func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Cancel = kill
	c.WaitDelay = time.Second
	err := c.Run()
	if c.Process != nil {
		_ = kill() // child processes that still run; mostly none
	}
	var exit *exec.ExitError
	switch cause := context.Cause(within); {
	case ctx.Err() != nil:
		return nil, exitcode.With(exitcode.Interrupted, fmt.Errorf("was still running when meshproof was interrupted: %w", ctx.Err()))
	case errors.Is(cause, errSlow):
		return nil, fmt.Errorf("did not end within %s%s; does it wait for input, or for a cluster?", limit, words.said())
	case errors.Is(cause, errMuch):
		return nil, fmt.Errorf("printed more than %d MiB, which is too large for manifests", outputLimit>>20)
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("cannot be run: there is no such program in PATH; install it, or write its path with a /")
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("cannot be run: the file is not in the profile's folder, or the interpreter in its first line does not exist")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("cannot be run: the file is not executable (chmod +x)")
	case errors.As(err, &exit) && exit.Exited():
		return nil, fmt.Errorf("ended with exit code %d%s", exit.ExitCode(), words.said())
	case errors.Is(err, exec.ErrWaitDelay):
		return nil, errors.New("ended, but a child process that still runs keeps its output open")
	case err != nil:
		return nil, fmt.Errorf("failed: %w%s", err, words.said())
	case len(bytes.TrimSpace(out.bytes())) == 0:
		return nil, fmt.Errorf("printed nothing%s; it must print the manifests", words.said())
	}
	return out.bytes(), nil
}

// bounded keeps only the first bytes that are written to it, or only the last.
type bounded struct {
	limit int
	last  bool
	over  func() // called when there is more

	mu  sync.Mutex
	buf []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	if more := len(b.buf) - b.limit; more > 0 {
		if b.last {
			b.buf = append([]byte(nil), b.buf[more:]...)
		} else {
			b.buf = b.buf[:b.limit]
			b.over()
		}
	}
	return len(p), nil
}

func (b *bounded) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf
}

// said are the last three lines, as the end of a sentence; "" if there are none.
func (b *bounded) said() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(b.bytes()), "")), "\n")
	lines = lines[max(0, len(lines)-3):]
	if text := strings.Join(lines, " / "); text != "" {
		return "; its last output: " + text
	}
	return ""
}
