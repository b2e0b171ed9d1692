package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// majoritiesRing records what happens when each node still reaches a majority, and no two the same one: they stand in a ring, and each
// reaches as many neighbours on both sides as a majority needs. With fewer than five nodes there is no such ring.
func majoritiesRing() Scenario {
	return faulty{
		name: "majorities-ring", replicas: 5, estimate: 60 * time.Second, limit: view.MaxPartition,
		faults: func(m []*view.Pod, _ time.Duration) (all []Fault) {
			reach := (len(m)/2 + 1) / 2 // on each side
			for i, p := range m {
				for j := i + 1; j < len(m); j++ {
					if apart := min(j-i, len(m)-(j-i)); apart > reach {
						all = append(all, Fault{Do: recording.FaultCut, Pod: p, Peer: m[j]})
					}
				}
			}
			return all
		},
		window: untilNoticed, holds: (*view.View).CutNoticed,
	}.scenario()
}
