package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Lock is a held flock(2) lock. It ends with Unlock or with the process.
type Lock struct{ f *os.File }

// HeldError says that another process holds the lock, and since when.
type HeldError struct {
	PID   int
	Since time.Time
}

// Error is one sentence without a subject: "held by process 123 since 17:52:20".
func (e *HeldError) Error() string {
	if e.PID == 0 {
		return "held by another process"
	}
	return fmt.Sprintf("held by process %d since %s", e.PID, e.Since.Format("2006-01-02 15:04:05"))
}

// Run takes the lock that one run holds on a cluster name from start to end. The error is a *HeldError when
// another run has it.
func (d Dir) Run(name string) (*Lock, error) { return d.lock(name, "lock") }

// KeepOne takes the lock of the run that may take over a kept cluster, and keep one: a folder has one kept cluster. The error is a
// *HeldError when another run has it.
func (d Dir) KeepOne() (*Lock, error) { return d.lock(keepOne, "lock") }

// keepOne is no name of a cluster.
const keepOne = "keep"

// Keeper takes the lock that a cluster's keeper holds for as long as it lives. The error is a *HeldError when a
// keeper is alive.
func (d Dir) Keeper(name string) (*Lock, error) { return d.lock(name, "keeper") }

// KeeperAlive reports whether a keeper owns the cluster now.
func (d Dir) KeeperAlive(name string) (bool, error) {
	if _, err := os.Lstat(d.Path(name, "keeper")); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l, err := d.Keeper(name)
	var held *HeldError
	if errors.As(err, &held) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	l.Unlock()
	return false, nil
}

func (d Dir) lock(name, ext string) (*Lock, error) {
	if err := os.MkdirAll(d.clusters(), 0o700); err != nil {
		return nil, err
	}
	for {
		l, err := lockFile(d.Path(name, ext))
		if l != nil || err != nil {
			return l, err
		}
	}
}

// lockFile returns nothing if the file was removed between its opening and the lock: then it is no longer the lock of that name.
func lockFile(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, readHolder(f)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	locked, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(locked, there) {
		_ = f.Close()
		return nil, nil
	}
	// The holder is written only for the error message of other processes.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d %d\n", os.Getpid(), time.Now().Unix()), 0)
	}
	return &Lock{f}, nil
}

func readHolder(f *os.File) *HeldError {
	b := make([]byte, 64)
	n, _ := f.ReadAt(b, 0)
	fields := strings.Fields(string(b[:n]))
	if len(fields) != 2 {
		return &HeldError{}
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return &HeldError{}
	}
	at, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return &HeldError{}
	}
	return &HeldError{PID: pid, Since: time.Unix(at, 0)}
}

// Unlock releases the lock. It may be called on nil and more than once.
func (l *Lock) Unlock() {
	if l != nil && l.f != nil {
		_ = l.f.Close() // closing the only descriptor drops the lock
		l.f = nil
	}
}

// Remove releases the lock and removes its file. Whoever has opened the file before notices it and opens the new one.
func (l *Lock) Remove() {
	if l != nil && l.f != nil {
		_ = os.Remove(l.f.Name())
		l.Unlock()
	}
}

// Leave releases a lock on the cluster's name, and removes its file if the cluster has no note any more.
func (d Dir) Leave(name string, l *Lock) {
	if _, err := os.Lstat(d.Path(name, "json")); errors.Is(err, fs.ErrNotExist) {
		l.Remove()
		return
	}
	l.Unlock()
}
