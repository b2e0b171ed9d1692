package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// oneWayCut records what happens when packets of one node do not reach another, and those of the other do reach it, until both have
// noticed.
func oneWayCut() Scenario {
	return faulty{
		name: "one-way-cut", replicas: 2, estimate: 45 * time.Second, limit: view.MaxPartition,
		faults: func(m []*view.Pod, _ time.Duration) []Fault {
			return []Fault{{Do: recording.FaultCutOut, Pod: m[0], Peer: m[1]}}
		},
		window: untilNoticed, holds: (*view.View).CutNoticed,
	}.scenario()
}
