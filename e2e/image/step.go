package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/clip"
	"meshproof.dev/meshproof/e2e/progress"
)

// BuildError is the error of a builder, with the end of its output.
type BuildError struct {
	What string        // "building the node image"
	Took time.Duration // until it failed
	Err  error         // the command's error, or why it was stopped
	Tail []string      // the last lines of its output, at most 40
	Log  string        // file with its full output; "": none

	stopped bool // by us; then its output does not explain anything
}

// Error is one sentence, followed by the last lines of the output.
func (e *BuildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v after %s", e.What, e.Err, round(e.Took))
	if e.Log != "" {
		fmt.Fprintf(&b, "; its full output is in %s", e.Log)
	}
	switch {
	case e.stopped:
		return b.String()
	case len(e.Tail) == 0:
		b.WriteString("; it had no output")
		return b.String()
	}
	fmt.Fprintf(&b, "; the last %d lines of its output:", len(e.Tail))
	for _, l := range e.Tail {
		b.WriteString("\n    " + l)
	}
	return b.String()
}

// Unwrap is the command's error.
func (e *BuildError) Unwrap() error { return e.Err }

// How much of a builder's output its log has: the first bytes and the last.
const (
	logFirst = 24 << 20
	logLast  = 8 << 20
)

// step is one command that may take a long time.
type step struct {
	what  string        // prefix of the error, and what is waited for: "building the node image"
	cmd   *exec.Cmd     // from exec.CommandContext
	log   string        // the output is appended to this file; "": none
	grace time.Duration // between SIGTERM and SIGKILL; 0: 10 s
	line  func(string)  // called with each line of output; may be nil
}

// run runs the step in a separate process group, so that all its processes end when ctx is cancelled: the group gets
// SIGTERM, and SIGKILL after the grace period. On SIGTERM make removes the target that it was building and keeps the
// others. The error is a *BuildError.
func (m *Maker) run(ctx context.Context, s step) error {
	if s.grace == 0 {
		s.grace = 10 * time.Second
	}
	start := time.Now()
	shown := progress.Wait(ctx, s.what)
	defer shown.Done()
	out := &lines{each: func(l string) {
		if shown.Seen(shorten(l, 120)); s.line != nil {
			s.line(l)
		}
	}}
	if s.log != "" {
		if err := os.MkdirAll(filepath.Dir(s.log), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		full := &clip.Writer{To: f, Head: logFirst, Tail: logLast}
		defer func() { _, _ = full.Close() }()
		out.file = full
	}
	c := s.cmd
	c.Stdout, c.Stderr = out, out // with the same writer os/exec writes from one goroutine only
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = s.grace
	if err := c.Start(); err != nil {
		return &BuildError{What: s.what, Err: err}
	}
	err := c.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it succeeded; a process that it started still has its output open
	}
	if err != nil && ctx.Err() != nil {
		// The grace period is over for the rest of the group.
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		err = context.Cause(ctx)
	}
	out.flush()
	if err != nil {
		return &BuildError{What: s.what, Took: time.Since(start), Err: err, Tail: out.tail(), Log: s.log,
			stopped: errors.Is(ctx.Err(), context.Canceled)}
	}
	return nil
}

const (
	tailLines = 40
	lineBytes = 400 // limit of a line; build tools write very long ones
)

// lines splits the output of a command into lines and keeps the last ones.
type lines struct {
	file io.Writer    // gets everything; may be nil
	each func(string) // gets each line; may be nil

	mu     sync.Mutex
	part   []byte
	recent []string
}

// Write never fails: an error of the log file must not fail the build.
func (l *lines) Write(p []byte) (int, error) {
	if l.file != nil {
		_, _ = l.file.Write(p)
	}
	l.mu.Lock()
	var whole []string
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexAny(l.part, "\n\r")
		if i < 0 {
			break
		}
		if s, ok := l.add(l.part[:i]); ok {
			whole = append(whole, s)
		}
		l.part = l.part[i+1:]
	}
	if len(l.part) > 64<<10 { // no line end in sight
		l.part = l.part[:0]
	}
	l.mu.Unlock()
	if l.each != nil {
		for _, s := range whole {
			l.each(s)
		}
	}
	return len(p), nil
}

// escapes are terminal control sequences (ECMA-48), which some tools write even to a pipe.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

func (l *lines) add(b []byte) (string, bool) {
	s := strings.TrimRight(strings.ToValidUTF8(escapes.ReplaceAllString(string(b), ""), "?"), " \t")
	if s == "" {
		return "", false
	}
	s = shorten(s, lineBytes)
	if l.recent = append(l.recent, s); len(l.recent) > tailLines {
		l.recent = l.recent[1:]
	}
	return s, true
}

// flush adds the rest after the last line end as a line.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(l.part)
	l.part = nil
}

func (l *lines) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.recent...)
}

// shorten shortens a line to a number of bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}

// round rounds a duration for messages.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(10 * time.Millisecond)
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
