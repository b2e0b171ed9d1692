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
)

// BuildError says that a builder ended with an error, and what it wrote last.
type BuildError struct {
	What string        // "building the node image"
	Took time.Duration // until it failed
	Err  error         // how the command ended, or why it was ended
	Tail []string      // the last lines of its output, at most 40
	Log  string        // file with all of its output; empty: none

	stopped bool // by us, so that its last lines say nothing
}

// Error is one sentence followed by the last lines of the output.
func (e *BuildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v after %s", e.What, e.Err, round(e.Took))
	if e.Log != "" {
		fmt.Fprintf(&b, "; all of its output is in %s", e.Log)
	}
	switch {
	case e.stopped:
		return b.String()
	case len(e.Tail) == 0:
		b.WriteString("; it wrote nothing")
		return b.String()
	}
	fmt.Fprintf(&b, "; the last %d lines of its output:", len(e.Tail))
	for _, l := range e.Tail {
		b.WriteString("\n    " + l)
	}
	return b.String()
}

// Unwrap gives how the command ended.
func (e *BuildError) Unwrap() error { return e.Err }

// step is one command that may take long.
type step struct {
	what  string        // begins the error and the progress lines: "building the node image"
	cmd   *exec.Cmd     // made by exec.CommandContext
	log   string        // file that the output is appended to; empty: none
	every time.Duration // between progress lines; 0: 15 s
	grace time.Duration // between being asked to end and being killed; 0: 10 s
	line  func(string)  // called with each line of output; may be nil
}

// run runs the step in a process group of its own, so that nothing of it outlives a cancelled ctx: the group gets
// SIGTERM, and SIGKILL when that has not ended it within the grace. A make that is ended by SIGTERM removes the
// target it was at and leaves the others. The error is a *BuildError.
func (m *Maker) run(ctx context.Context, s step) error {
	if s.every == 0 {
		s.every = 15 * time.Second
	}
	if s.grace == 0 {
		s.grace = 10 * time.Second
	}
	start := time.Now()
	out := &lines{each: s.line}
	if s.log != "" {
		if err := os.MkdirAll(filepath.Dir(s.log), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		out.file = f
	}
	c := s.cmd
	c.Stdout, c.Stderr = out, out // one writer: os/exec then calls it from one goroutine
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = s.grace
	if err := c.Start(); err != nil {
		return &BuildError{What: s.what, Err: err}
	}
	stop := make(chan struct{})
	var said sync.WaitGroup
	said.Go(func() { m.progress(s, start, out, stop) })
	err := c.Wait()
	close(stop)
	said.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; something it left behind still holds its output open
	}
	if err != nil && ctx.Err() != nil {
		// Whoever of the group is left has had its grace.
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

func (m *Maker) progress(s step, start time.Time, out *lines, stop <-chan struct{}) {
	t := time.NewTicker(s.every)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			msg := fmt.Sprintf("%s: %s so far", s.what, round(time.Since(start)))
			if l := out.last(); l != "" {
				msg += ": " + cut(l, 120)
			}
			m.log(msg)
		}
	}
}

const (
	tailLines = 40
	lineBytes = 400 // of a line that is shown; build tools write very long ones
)

// lines splits a command's output into lines and keeps the last ones.
type lines struct {
	file io.Writer    // gets everything; may be nil
	each func(string) // gets each line; may be nil

	mu   sync.Mutex
	part []byte
	kept []string
}

// Write takes output as it comes. What the log file cannot take is not the builder's fault, so it never fails.
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
		if s, ok := l.keep(l.part[:i]); ok {
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

// escapes are the control sequences of a terminal (ECMA-48), which some tools write even to a pipe.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

func (l *lines) keep(b []byte) (string, bool) {
	s := strings.TrimRight(strings.ToValidUTF8(escapes.ReplaceAllString(string(b), ""), "?"), " \t")
	if s == "" {
		return "", false
	}
	s = cut(s, lineBytes)
	if l.kept = append(l.kept, s); len(l.kept) > tailLines {
		l.kept = l.kept[1:]
	}
	return s, true
}

// flush takes what came after the last line end for a line.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(l.part)
	l.part = nil
}

func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) == 0 {
		return ""
	}
	return l.kept[len(l.kept)-1]
}

func (l *lines) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.kept...)
}

// cut shortens a line to a number of bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}

// round is a duration as a progress line shows it.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(10 * time.Millisecond)
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
