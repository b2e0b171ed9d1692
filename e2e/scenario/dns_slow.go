package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// slowFor is long enough for several rounds of discovery whose queries have to be repeated.
const slowFor = 30 * time.Second

// dnsSlow records what happens to a mesh while the first packet of each DNS query is lost, so that every answer takes as long as a
// resolver waits until it asks again: nothing should.
func dnsSlow() Scenario {
	return faulty{
		name: "dns-slow", replicas: 2, estimate: slowFor + 15*time.Second, limit: slowFor,
		faults: func(m []*view.Pod, _ time.Duration) []Fault { return inEach(m, recording.FaultSlowDNS) },
	}.scenario()
}
