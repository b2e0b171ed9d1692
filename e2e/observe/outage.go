package observe

import (
	"errors"
	"sync"
	"time"
)

// outage is a time in which the API server is not watched, because the harness breaks itself to see what it then says. Safe for
// concurrent use.
type outage struct {
	mu    sync.Mutex
	until time.Duration
	cut   chan struct{} // closed when the next one begins
}

var errCut = errors.New("it was cut on purpose, to see what the harness makes of it")

// state gives the channel that the next outage closes, and when the last one is over.
func (x *outage) state() (cut <-chan struct{}, until time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cut, x.until
}

// isClosed reports whether the outage has begun.
func isClosed(cut <-chan struct{}) bool {
	select {
	case <-cut:
		return true
	default:
		return false
	}
}

// CutWatches ends all watches of the API server and opens none for d. Where they were is forgotten, so that what happens
// meanwhile is lost. Only a mutant of the harness wants that.
func (o *Observer) CutWatches(d time.Duration) {
	o.outage.mu.Lock()
	defer o.outage.mu.Unlock()
	o.outage.until = o.Now() + d
	close(o.outage.cut)
	o.outage.cut = make(chan struct{})
}
