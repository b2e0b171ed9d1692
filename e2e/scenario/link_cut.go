package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// linkCut records what happens when no packet passes between two nodes, until both have noticed. All other links are well.
func linkCut() Scenario {
	return faulty{
		name: "link-cut", replicas: 2, estimate: 45 * time.Second, limit: view.MaxPartition,
		faults: func(m []*view.Pod, _ time.Duration) []Fault {
			return []Fault{{Do: recording.FaultCut, Pod: m[0], Peer: m[1]}}
		},
		window: untilNoticed, holds: (*view.View).CutNoticed,
	}.scenario()
}
