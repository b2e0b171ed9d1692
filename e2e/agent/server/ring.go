// Package server is the agent's API: numbered lines of observations that a client can take up again after a lost
// connection, and the plan.
//
// In: HTTP requests, hostile until proved otherwise. Out: what the agent saw. The plan's cookie comes in and never
// goes out.
package server

import (
	"crypto/rand"
	"encoding/json"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// How much a buffer holds: some ten minutes of a node with three pods. All buffers together never hold so much that the
// agent's memory limit is in danger.
const (
	keepLines = 20000
	keepBytes = 64 << 20
)

// Ring keeps the youngest lines, encoded. Safe for concurrent use.
type Ring struct {
	run string // names this ring; numbers mean nothing in another

	mu    sync.Mutex
	most  int      // bytes of lines that are kept
	lines [][]byte // each ends in a newline; never written to again
	bytes int
	next  uint64 // the number of the next line; the oldest kept is next - len(lines)
	news  chan struct{}
}

// NewRing makes an empty buffer.
func NewRing() *Ring { return &Ring{run: rand.Text(), most: keepBytes, news: make(chan struct{})} }

// Add numbers an event, stamps it and keeps it.
func (r *Ring) Add(e recording.Event, boot int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.Marshal(agent.Line{Seq: r.next, Boot: boot, Event: e})
	if err != nil {
		return // every event type marshals; a test holds that
	}
	r.next++
	r.lines = append(r.lines, append(b, '\n'))
	r.bytes += len(b) + 1
	r.trim()
	close(r.news)
	r.news = make(chan struct{})
}

// trim lets the oldest lines go. append moves what is left to new room now and then, and the room of old goes with it.
func (r *Ring) trim() {
	for len(r.lines) > keepLines || r.bytes > r.most && len(r.lines) > 1 {
		r.bytes -= len(r.lines[0])
		r.lines[0] = nil
		r.lines = r.lines[1:]
	}
}

// hold sets how many bytes of lines are kept.
func (r *Ring) hold(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = most
	r.trim()
}

// From gives the lines from number seq of the given run on, how many of them are no longer kept, the number to ask for
// next, and a channel that is closed when there is more. To whoever comes from another run all lines are new.
func (r *Ring) From(run string, seq uint64) (lines [][]byte, lost, next uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run != r.run {
		seq = 0
	}
	oldest := r.next - uint64(len(r.lines))
	if seq < oldest {
		lost, seq = oldest-seq, oldest
	}
	if seq < r.next {
		lines = append(lines, r.lines[seq-oldest:]...)
	}
	return lines, lost, max(seq, r.next), r.news
}
