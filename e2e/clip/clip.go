// Package clip keeps a log small: its first bytes and its last, with a line between them that says how many were left out.
//
// In: bytes. Out: the same, or fewer. It knows nothing of what they mean: secrets must be redacted before, or a cut could leave
// half of one.
package clip

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Quota is how much several logs may have together. Safe for concurrent use.
type Quota struct {
	mu   sync.Mutex
	size int64
	used int64
}

// NewQuota returns a quota of that many bytes.
func NewQuota(size int64) *Quota { return &Quota{size: size} }

// take reports whether n more bytes fit, and counts them if so. Without a quota everything fits.
func (q *Quota) take(n int) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+int64(n) > q.size {
		return false
	}
	q.used += int64(n)
	return true
}

// Writer writes the first Head bytes to To at once and keeps the last Tail bytes, which Close writes. It cuts between lines where
// there are lines. Not safe for concurrent use.
type Writer struct {
	To    io.Writer
	Head  int
	Tail  int
	Quota *Quota // nil: none

	written int
	last    byte
	full    bool
	tail    []byte
	after   int64 // bytes that came after the head
}

// Write implements [io.Writer].
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	if !w.full {
		head := p
		if room := w.Head - w.written; len(p) > room {
			head, w.full = p[:room], true
			if end := bytes.LastIndexByte(head, '\n') + 1; end > 0 || w.last == '\n' {
				head = head[:end]
			}
		}
		if len(head) > 0 && !w.Quota.take(len(head)) {
			head, w.full = nil, true
		}
		if err := w.write(head); err != nil {
			return 0, err
		}
		w.written += len(head)
		p = p[len(head):]
	}
	w.after += int64(len(p))
	w.tail = append(w.tail, p...)
	if len(w.tail) > 2*w.Tail {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-w.Tail:]...)
	}
	return n, nil
}

func (w *Writer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	w.last = p[len(p)-1]
	_, err := w.To.Write(p)
	return err
}

// Close writes the end, with a line before it if something was left out, and returns how much was. It does not close To.
func (w *Writer) Close() (omitted int64, err error) {
	tail := w.tail[max(0, len(w.tail)-w.Tail):]
	if begin := bytes.IndexByte(tail, '\n') + 1; w.after > int64(len(tail)) && begin < len(tail) {
		tail = tail[begin:]
	}
	if !w.Quota.take(len(tail)) {
		tail = nil
	}
	if omitted = w.after - int64(len(tail)); omitted > 0 {
		note := fmt.Sprintf("[meshproof: %d bytes were left out here]\n", omitted)
		if w.written > 0 && w.last != '\n' {
			note = "\n" + note
		}
		if err = w.write([]byte(note)); err != nil {
			return omitted, err
		}
	}
	return omitted, w.write(tail)
}
