package scenario

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// outage is longer than the longest time for which the DNS of a cluster lets its answers be cached in practice.
const outage = 95 * time.Second

// dnsOutage records what happens to a mesh while no node gets an answer from DNS: nothing should.
func dnsOutage() Scenario {
	return faulty{
		name: "dns-outage", replicas: 2, estimate: outage + 15*time.Second, limit: outage,
		faults: func(m []*view.Pod, _ time.Duration) []Fault { return inEach(m, recording.FaultDropDNS) },
	}.scenario()
}

// inEach is the same fault in each pod.
func inEach(pods []*view.Pod, do string) (all []Fault) {
	for _, p := range pods {
		all = append(all, Fault{Do: do, Pod: p})
	}
	return all
}
