package scenario

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// blip records what happens when no packet passes between two nodes for a moment. TCP sends again what was lost, so that nothing
// should happen. The agent ends the blip itself, and measures it.
func blip(d time.Duration) Scenario {
	return faulty{
		name: Name(fmt.Sprintf("blip-%d", d.Milliseconds())), replicas: 2, estimate: 15 * time.Second, limit: 10 * time.Second,
		faults: func(m []*view.Pod, _ time.Duration) []Fault {
			return []Fault{{Do: recording.FaultBlip, Pod: m[0], Peer: m[1], For: d}}
		},
	}.scenario()
}
