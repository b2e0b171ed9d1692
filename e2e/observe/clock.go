package observe

import (
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// drift is how fast two clocks may diverge: four times what NTP corrects at most (500 ppm is its limit, good crystals stay
// below 50).
const drift = 200e-6

// estimate is the measured offset of an agent's clock from ours. Safe for concurrent use.
type estimate struct {
	mu    sync.Mutex
	clock recording.Clock
	at    time.Duration // when it was measured, on our clock
	known bool
}

// offer accepts a new measurement at now if it is better than the one before: it is more exact now, because the old one becomes
// less exact with time, or it contradicts it.
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

// ours converts a time of the agent's clock to ours.
func (e *estimate) ours(boot int64) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Duration(boot) + e.clock.Offset
}
