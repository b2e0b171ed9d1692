package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// maxReset is the longest that a node takes in practice until it has sent something.
const maxReset = 50 * time.Second

// linkReset records what happens when the connection of two nodes is reset, as by a firewall that has forgotten it: both VMs get an
// error at once, and may connect again at once.
func linkReset() Scenario {
	return faulty{
		name: "link-reset", replicas: 2, estimate: 20 * time.Second, limit: maxReset,
		window: func(v *view.View, m []*view.Pod) (time.Duration, string) {
			// An end gets its reset when it next sends something, which is a tick at the latest.
			within, known := v.NoticeWithin(m[:2])
			if !known {
				return 0, "net_ticktime of a node could not be read, so it is not known when it sends something"
			}
			return min(within, maxReset), ""
		},
		faults: func(m []*view.Pod, until time.Duration) []Fault {
			return []Fault{{Do: recording.FaultReset, Pod: m[0], Peer: m[1], For: until}}
		},
	}.scenario()
}
