package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockFile opens the lock of a name. Locks lie under state/, which is never cleaned: to remove a lock file that
// somebody waits on would let two in.
func (m *Maker) lockFile(name string) (*os.File, error) {
	dir := filepath.Join(m.Cache, "state", "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locks: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locks: %w", err)
	}
	return f, nil
}

// lock takes the lock of a name and waits while another holds it, saying so once. flock(2) belongs to the open
// file: two goroutines exclude each other as two processes do, and a child that inherits the file holds it too.
// The lock ends when the file is closed.
func (m *Maker) lock(ctx context.Context, name, waiting string) (*os.File, error) {
	f, err := m.lockFile(name)
	if err != nil {
		return nil, err
	}
	start := time.Now()
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
			m.log(waiting + "; waiting for it")
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

// tryLock takes the lock only if nobody holds it.
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
