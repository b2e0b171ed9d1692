package observe

import (
	"errors"
	"sync"
	"time"
)

// outage is a time during which the API server is not watched, because a mutant breaks the harness on purpose. Safe for
// concurrent use.
type outage struct {
	mu    sync.Mutex
	until time.Duration
	cut   chan struct{} // closed when the next one begins
}

var errCut = errors.New("it was cut on purpose, to test the harness")

// state returns the channel that the next outage closes, and when the last one ends.
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

// CutWatches ends all watches of the API server and opens none for d. Their resource versions are dropped, so that events of that
// time are lost. Only a mutant of the harness uses it.
func (o *Observer) CutWatches(d time.Duration) {
	o.outage.mu.Lock()
	defer o.outage.mu.Unlock()
	o.outage.until = o.Now() + d
	close(o.outage.cut)
	o.outage.cut = make(chan struct{})
}
