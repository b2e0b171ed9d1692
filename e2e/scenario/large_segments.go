package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// largeFor is long enough for a link to stall at a large message, and too short for its nodes to give it up at OTP's defaults.
const largeFor = 20 * time.Second

// largeSegments records what happens when packets over 1,400 bytes are lost between two nodes, as in a tunnel with a smaller MTU that
// nobody was told of: ticks pass, and the first large message stalls the link.
func largeSegments() Scenario {
	return faulty{
		name: "large-segments", replicas: 2, estimate: largeFor + 15*time.Second, limit: largeFor,
		faults: func(m []*view.Pod, _ time.Duration) []Fault {
			return []Fault{{Do: recording.FaultDropLarge, Pod: m[0], Peer: m[1]}}
		},
	}.scenario()
}
