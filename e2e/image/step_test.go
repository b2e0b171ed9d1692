package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/progress"
)

func sh(ctx context.Context, script string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", script)
}

// A child that ignores SIGTERM, of a parent that exits on it, is gone when run returns.
func TestCancelEndsChildren(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if b, err := os.ReadFile(pidFile); err == nil && strings.HasSuffix(string(b), "\n") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel(errors.New("stopped by the test"))
	}()
	m := &Maker{}
	// A child of sh, not sh itself, has the output open and ignores the signal.
	script := fmt.Sprintf(`(trap "" TERM; sh -c 'echo $PPID >%s'; while :; do sleep 0.05; done) & wait`, pidFile)
	err := m.run(ctx, step{what: "building x", cmd: sh(ctx, script), grace: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "building x: stopped by the test after ") {
		t.Errorf("got %v", err)
	}
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) || zombie(pid) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// zombie reports whether a process has exited and was not waited for (proc(5)).
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestProgressLines(t *testing.T) {
	var said bytes.Buffer
	m, b := &Maker{}, progress.NewLog(&said, time.Now(), 120*time.Millisecond)
	log := filepath.Join(t.TempDir(), "sub", "log")
	c := sh(t.Context(), `printf 'one\ntwo\r\033[31mthree\033[0m\npart'; sleep 0.3; echo ial >&2`)
	err := m.run(progress.With(t.Context(), b), step{what: "building x", cmd: c, log: log})
	if b.Close(); err != nil {
		t.Fatal(err)
	}
	if all := strings.Split(strings.TrimSpace(said.String()), "\n"); len(all) == 0 || len(all) > 2 || !strings.HasSuffix(all[0], "  waiting 0 s for building x: three") {
		t.Errorf("messages: %q", all)
	}
	if b, err := os.ReadFile(log); err != nil || string(b) != "one\ntwo\r\033[31mthree\033[0m\npartial\n" {
		t.Errorf("log file: %q, %v", b, err)
	}
}

func TestTail(t *testing.T) {
	var l lines
	for i := range 50 {
		fmt.Fprintf(&l, "line %d\n", i)
	}
	fmt.Fprint(&l, strings.Repeat("é", 1000)+"\nend")
	l.flush()
	tail := l.tail()
	if len(tail) != 40 || tail[0] != "line 12" || tail[39] != "end" {
		t.Errorf("%d lines from %q to %q", len(tail), tail[0], tail[len(tail)-1])
	}
	if long := tail[38]; len(long) > lineBytes+10 || !strings.HasSuffix(long, "é …") {
		t.Errorf("a long line is stored as %q", long)
	}
}

func TestMissingCommand(t *testing.T) {
	err := (&Maker{}).run(t.Context(), step{what: "building x", cmd: exec.CommandContext(t.Context(), "no-such-command-here")})
	var b *BuildError
	if !errors.As(err, &b) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// A lock that a child has inherited is still held after this process has closed it.
func TestChildKeepsLock(t *testing.T) {
	m := &Maker{Cache: t.TempDir()}
	lock, err := m.lock(t.Context(), "x", "waiting")
	if err != nil {
		t.Fatal(err)
	}
	c := sh(t.Context(), "read -r line")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.ExtraFiles = []*os.File{lock}
	if err = c.Start(); err != nil {
		t.Fatal(err)
	}
	if err = lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.tryLock("x"); ok {
		t.Error("the lock is free while the child runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err = m.lock(ctx, "x", "another run has it"); err == nil || !strings.Contains(err.Error(), "another run has it; waited ") {
		t.Errorf("waiting ended with %v", err)
	}
	_ = in.Close()
	_ = c.Wait()
	if l, ok := m.tryLock("x"); !ok {
		t.Error("the lock is still held after the child has exited")
	} else {
		_ = l.Close()
	}
}

// A builder that prints without end does not fill the disk with its log, which still has the end.
func TestABuildLogIsLimited(t *testing.T) {
	log := filepath.Join(t.TempDir(), "build.log")
	m := &Maker{}
	if err := m.run(t.Context(), step{what: "building x", cmd: sh(t.Context(), "echo first; yes $(printf %0900d 0) | head -c 40000000; echo; echo last"), log: log}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil || len(b) > logFirst+logLast+100 || !strings.HasPrefix(string(b), "first\n") || !strings.HasSuffix(string(b), "last\n") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
