package crashtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the meshproof binary, built once, and the checkout that it runs in.
type program struct{ bin, root string }

func build(t *testing.T) program {
	t.Helper()
	if os.Getenv("MESHPROOF_CRASH_TEST") == "" {
		t.Skip("ends whole runs in the middle, which takes long; make crash runs it (MESHPROOF_CRASH_TEST=1)")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	p := program{bin: filepath.Join(t.TempDir(), "meshproof"), root: root}
	c := exec.Command("go", "build", "-o", p.bin, "./e2e/cmd/meshproof")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return p
}

// running is one run under way.
type running struct {
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

// start starts the program. env has what differs from the environment of the test.
func (p program) start(t *testing.T, env []string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(p.bin, args...), began: time.Now(), ended: make(chan struct{})}
	r.cmd.Dir, r.cmd.Env = p.root, append(os.Environ(), env...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what we send reaches it alone, and its children by its own care
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = r.cmd.Stdout
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		for in := bufio.NewScanner(out); in.Scan(); {
			r.mu.Lock()
			fmt.Fprintf(&r.text, "%7.1f %s\n", time.Since(r.began).Seconds(), in.Text())
			r.mu.Unlock()
		}
		_ = r.cmd.Wait()
	}()
	return r
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// endedWithin waits for the end and returns the exit code; -1 for a run that a signal ended.
func (r *running) endedWithin(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		_ = r.cmd.Process.Kill()
		t.Fatalf("the run has not ended within %s:\n%s", limit, r.output())
		return 0
	}
}

// must waits for a run that has to end with the code.
func (r *running) must(t *testing.T, code int) {
	t.Helper()
	if got := r.endedWithin(t, 6*time.Minute); got != code {
		t.Errorf("%s ended with %d, want %d:\n%s", strings.Join(r.cmd.Args[1:], " "), got, code, r.output())
	}
}

// signal sends the signal, unless the run has ended by itself.
func (r *running) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	select {
	case <-r.ended:
		t.Logf("the run had ended with %d before %s", r.cmd.ProcessState.ExitCode(), s)
	default:
		if err := r.cmd.Process.Signal(s); err != nil {
			t.Logf("%s: %v", s, err)
		}
	}
}

// waitFor polls until look finds nothing any more. It returns how long that took.
func waitFor(t *testing.T, limit time.Duration, look func() []string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		left := look()
		if len(left) == 0 {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Errorf("still there after %s:\n  %s", limit, strings.Join(left, "\n  "))
			return time.Since(began)
		}
		time.Sleep(time.Second)
	}
}

func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*time.Minute)
}
