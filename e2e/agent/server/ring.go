// Package server is the agent's API: the plan, and a stream of numbered lines of observations that a client can resume
// after a lost connection.
//
// In: HTTP requests, which are not trusted. Out: what the agent observed. The plan's cookie is received and never sent.
package server

import (
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// The capacity of a buffer: some ten minutes of a node with three pods. All buffers together stay well below the agent's
// memory limit.
const (
	keepLines = 20000
	keepBytes = 64 << 20
)

// Ring keeps the newest lines, encoded. A look that shows nothing new repeats an earlier line ([recording.Again]): what goes through
// the kubelet and the API server costs each of them. Safe for concurrent use.
type Ring struct {
	run string // id of this ring; line numbers are valid in this ring only

	mu       sync.Mutex
	maxBytes int      // limit of the lines' bytes
	lines    [][]byte // each ends in a newline; immutable
	bytes    int
	next     uint64 // number of the next line; the oldest in the buffer is next - len(lines)
	changed  chan struct{}
	shorter  recording.Shortener
}

// NewRing returns an empty buffer.
func NewRing() *Ring {
	return &Ring{run: rand.Text(), maxBytes: keepBytes, changed: make(chan struct{})}
}

// Add numbers an event, adds the time and stores it.
func (r *Ring) Add(e recording.Event, boot int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.Marshal(agent.Line{Seq: r.next, Boot: boot, Event: r.shorter.Shorten(e, r.next, time.Duration(boot))})
	if err != nil {
		return // cannot happen: a test checks that every event type marshals
	}
	r.next++
	r.lines = append(r.lines, append(b, '\n'))
	r.bytes += len(b) + 1
	r.trim()
	close(r.changed)
	r.changed = make(chan struct{})
}

// trim removes the oldest lines. append moves the others to a new array from time to time, which frees the old one.
func (r *Ring) trim() {
	for len(r.lines) > keepLines || r.bytes > r.maxBytes && len(r.lines) > 1 {
		r.bytes -= len(r.lines[0])
		r.lines[0] = nil
		r.lines = r.lines[1:]
	}
}

// setMaxBytes sets the limit of the lines' bytes.
func (r *Ring) setMaxBytes(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maxBytes = most
	r.trim()
}

// From returns the lines from number seq of that run on, how many of them are no longer in the buffer, the next number to
// ask for, and a channel that is closed when there are more lines. For another run it returns all lines.
func (r *Ring) From(run string, seq uint64) (lines [][]byte, lost, next uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run != r.run {
		seq = 0
	}
	oldest := r.next - uint64(len(r.lines))
	if seq < oldest {
		lost, seq = oldest-seq, oldest
		r.shorter = recording.Shortener{} // this client cannot have the lines that later ones would repeat
	}
	if seq < r.next {
		lines = append(lines, r.lines[seq-oldest:]...)
	}
	return lines, lost, max(seq, r.next), r.changed
}
