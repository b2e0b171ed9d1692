package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/progress"
)

// lockFile opens the file of a lock. Lock files are under state/, which is never cleaned: if a lock file were removed while
// a process waits for it, two processes could get the lock.
func (m *Maker) lockFile(name string) (*os.File, error) {
	dir := filepath.Join(m.Cache, "state", "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder for locks: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	return f, nil
}

// lock takes a lock. If another run has it, lock logs waiting once and waits. A flock(2) lock belongs to the open file: it
// works between goroutines as between processes, and a child that inherits the file has the lock, too. It is released when
// all of them have closed the file.
func (m *Maker) lock(ctx context.Context, name, waiting string) (*os.File, error) {
	f, err := m.lockFile(name)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	shown := progress.Wait(ctx, "another run")
	defer shown.Done()
	shown.Seen(waiting)
	for said := false; ; {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if !said {
			m.log(waiting + "; waiting until it has finished")
			said = true
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("%s; waited %s: %w", waiting, round(time.Since(start)), context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tryLock takes the lock only if it is free.
func (m *Maker) tryLock(name string) (*os.File, bool) {
	f, err := m.lockFile(name)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = f.Close()
		return nil, false
	}
	return f, true
}
