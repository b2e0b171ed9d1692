// Package keeper owns a kind cluster for a harness that may die.
//
// kind's Create takes no context, its engine commands cannot be cancelled from outside, and after a SIGKILL nobody
// removes the cluster. So the cluster belongs to a child process in a session of its own: the keeper. It calls kind's Go API with
// the engine's variables in its own environment and with a kubeconfig of ours, ignores the terminal's signals, reads a pipe from
// the harness, and deletes the cluster when that pipe ends without a release.
//
// In: a Spec, orders over a pipe. Out: a cluster, progress lines, and in the end no cluster, unless it was
// released. The child is the running binary itself: its main (and a TestMain) must call RunIfKeeper first.
package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/target/state"
)

// envAsked makes a process of this binary a keeper.
const envAsked = "MESHPROOF_KEEPER"

// armed is set once RunIfKeeper has been called: a binary that does not call it would start itself again and again.
var armed atomic.Bool

// RunIfKeeper runs the keeper and never returns, if this process was started as one. Otherwise it returns at once. It must be the
// first call in main, and in TestMain of a test binary that creates clusters.
func RunIfKeeper() {
	armed.Store(true)
	if os.Getenv(envAsked) == "" {
		return
	}
	_ = os.Unsetenv(envAsked)
	os.Exit(run())
}

// Keeper is the harness's end of a keeper process.
type Keeper struct {
	PID int

	mu     sync.Mutex
	orders io.WriteCloser

	created chan error    // one value: nil or why not
	ended   chan struct{} // closed when the process is gone
	last    event         // its last event except log lines; valid once ended is closed
	logPath string
}

// Create starts a keeper and has it create the cluster. It returns at once; Created waits. Progress lines go to
// log, from another goroutine.
func Create(spec Spec, log func(string)) (*Keeper, error) { return start(spec, doCreate, log) }

// Adopt starts a keeper for a cluster that an earlier run kept.
func Adopt(spec Spec, log func(string)) (*Keeper, error) { return start(spec, doAdopt, log) }

func start(spec Spec, do string, log func(string)) (*Keeper, error) {
	if !armed.Load() {
		return nil, errors.New("keeper.RunIfKeeper was not called at the start of this program: it would start itself again and again")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "linux" {
		self = "/proc/self/exe" // correct even if the file was replaced or removed
	}
	if spec.StateDir, err = filepath.Abs(spec.StateDir); err != nil {
		return nil, err
	}
	dir := state.Dir(spec.StateDir)
	logPath := dir.Path(spec.Cluster.Name, "log")
	if err = os.MkdirAll(filepath.Dir(logPath), 0o700); err != nil {
		return nil, err
	}
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ordersR.Close()
	eventsR, eventsW, err := os.Pipe()
	if err != nil {
		_ = ordersW.Close()
		return nil, err
	}
	defer eventsW.Close()
	c := exec.Command(self)
	c.Args = []string{"meshproof-keeper", spec.Cluster.Name} // what ps shows
	c.Env = append(os.Environ(), envAsked+"=1")
	// Never the harness's own stdout: go test waits until that is closed, and would wait for the keeper.
	c.Stdout, c.Stderr = logFile, logFile
	c.Dir = "/" // the harness's own directory may be removed while its cluster exists, and podman fails without one
	c.ExtraFiles = []*os.File{ordersR, eventsW}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		_, _ = ordersW.Close(), eventsR.Close()
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	k := &Keeper{PID: c.Process.Pid, orders: ordersW, created: make(chan error, 1), ended: make(chan struct{}), logPath: logPath}
	hello := make(chan struct{})
	guard.Go(nil, func(err error) { k.last = event{evFailed, err.Error()} }, func() { k.read(c, eventsR, hello, log) })
	select {
	case <-hello:
	case <-k.ended:
		return nil, k.died()
	case <-time.After(20 * time.Second):
		_ = c.Process.Kill()
		return nil, errors.New("the keeper did not report within 20 s")
	}
	return k, k.send(order{Do: do, Spec: &spec})
}

// read reads the keeper's events until it ends.
func (k *Keeper) read(c *exec.Cmd, events io.ReadCloser, hello chan struct{}, log func(string)) {
	defer close(k.ended)
	defer events.Close()
	told := false
	in := bufio.NewScanner(events)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			continue
		}
		switch e.Event {
		case evHello:
			close(hello)
			continue
		case evLog:
			if log != nil {
				log(e.Text)
			}
			continue
		case evCreated:
			told = true
			k.created <- nil
		case evFailed:
			told = true
			k.created <- errors.New(e.Text)
		}
		k.last = e
	}
	_ = c.Wait()
	if !told {
		k.created <- k.died()
	}
}

func (k *Keeper) died() error {
	tail := ""
	if b, err := os.ReadFile(k.logPath); err == nil && len(b) > 0 {
		tail = ": " + lastBytes(string(b), 1000)
	}
	return fmt.Errorf("the keeper (process %d) ended before its work was done%s", k.PID, tail)
}

func (k *Keeper) send(o order) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.orders.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("the keeper (process %d) does not accept commands: %w", k.PID, err)
	}
	return nil
}

// Created waits until the cluster is up, or returns why it is not. If ctx ends first the cluster is still being created: call
// Delete. It returns its result once.
func (k *Keeper) Created(ctx context.Context) error {
	select {
	case err := <-k.created:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Alive reports whether the process still runs.
func (k *Keeper) Alive() bool {
	select {
	case <-k.ended:
		return false
	default:
		return true
	}
}

// Failed is why the keeper ended before it was asked to, if it said so: a bug of ours.
func (k *Keeper) Failed() error {
	if k.Alive() || k.last.Event != evFailed {
		return nil
	}
	return fmt.Errorf("the keeper (process %d) ended: %s", k.PID, k.last.Text)
}

// Delete makes the keeper stop its work and delete the cluster, and waits until it is gone. ctx limits only the waiting: the keeper
// continues alone. The error says what still exists.
func (k *Keeper) Delete(ctx context.Context) error {
	return k.finish(ctx, doDelete, "deleting the cluster", evDeleted, evFailed)
}

// Release keeps the cluster for the next run and waits until the keeper has ended.
func (k *Keeper) Release(ctx context.Context) error {
	return k.finish(ctx, doRelease, "releasing the cluster", evReleased)
}

func (k *Keeper) finish(ctx context.Context, do, what string, good ...string) error {
	sendErr := k.send(order{Do: do})
	k.mu.Lock()
	_ = k.orders.Close()
	k.mu.Unlock()
	select {
	case <-k.ended:
	case <-ctx.Done():
		return fmt.Errorf("%s: the keeper (process %d) has not finished; it continues in the background: %w", what, k.PID, context.Cause(ctx))
	}
	for _, g := range good {
		if k.last.Event == g {
			return nil
		}
	}
	switch {
	case k.last.Event == evStands:
		return fmt.Errorf("%s: %s", what, k.last.Text)
	case sendErr != nil:
		return fmt.Errorf("%s: %w", what, errors.Join(k.died(), sendErr))
	}
	return fmt.Errorf("%s: %w", what, k.died())
}

func lastBytes(s string, n int) string {
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}
