package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// split records what happens when the mesh is split in two, a minority and a majority, until all have noticed: of three nodes one is
// alone.
func split() Scenario {
	return faulty{
		name: "split", replicas: 3, estimate: 45 * time.Second, limit: view.MaxPartition,
		faults: func(m []*view.Pod, _ time.Duration) (all []Fault) {
			minority := (len(m) - 1) / 2
			for _, p := range m[:minority] {
				for _, q := range m[minority:] {
					all = append(all, Fault{Do: recording.FaultCut, Pod: p, Peer: q})
				}
			}
			return all
		},
		window: untilNoticed, holds: (*view.View).CutNoticed,
	}.scenario()
}
