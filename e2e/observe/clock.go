package observe

import (
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// drift is how fast two clocks may be thought to go apart: four times what NTP corrects at most (500 ppm is its limit,
// good crystals stay below 50).
const drift = 200e-6

// estimate is how an agent's clock compares with ours, as far as is known. Safe for concurrent use.
type estimate struct {
	mu    sync.Mutex
	clock recording.Clock
	at    time.Duration // when it was measured, on our clock
	known bool
}

// offer takes a new measurement at now if it knows better than the one before: it is sharper by now, since the old one
// blurs with its age, or it contradicts it.
func (e *estimate) offer(c recording.Clock, now time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	blurred := e.clock.Bound + time.Duration(float64(now-e.at)*drift)
	apart := (c.Offset - e.clock.Offset).Abs() > blurred+c.Bound
	if e.known && c.Bound > blurred && !apart {
		return false
	}
	e.clock, e.at, e.known = c, now, true
	return true
}

// ours moves a time of the agent's clock to ours.
func (e *estimate) ours(boot int64) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Duration(boot) + e.clock.Offset
}
