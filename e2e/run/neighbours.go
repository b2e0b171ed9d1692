package run

import (
	"strings"

	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/workload"
)

// neighbours tells the workload's events from those of others in the same namespace: what others do there is not recorded, and the
// logs of their pods are not kept.
type neighbours struct {
	names  []string            // of the objects that the run creates
	labels []map[string]string // of its pods
}

// newNeighbours knows what the workload creates.
func newNeighbours(w *workload.Workload) *neighbours {
	n := &neighbours{names: []string{agentclient.Name}}
	for _, s := range []*manifest.Set{w.Now(), w.Required()} {
		for _, d := range s.Documents {
			n.names = append(n.names, d.Name)
		}
		for _, m := range s.Workloads() {
			if len(m.Labels()) > 0 {
				n.labels = append(n.labels, m.Labels())
			}
		}
	}
	return n
}

// did reports whether an event is about something of others. nil: there are none.
func (n *neighbours) did(e *recording.Event) bool {
	if n == nil {
		return false
	}
	switch e.Kind() {
	case recording.KindPod:
		return !n.pod(e.Pod)
	case recording.KindService:
		return !n.named(e.Service.Name, false)
	case recording.KindSlice:
		return !n.named(e.Slice.Service, false)
	case recording.KindNotice:
		_, name, _ := strings.Cut(e.Notice.Object, "/")
		return !n.named(name, true)
	}
	return false
}

// pod reports whether a pod is of the run: it has the labels of its pods, or an owner of its names.
func (n *neighbours) pod(p *recording.Pod) bool {
	for _, l := range n.labels {
		if manifest.Covers(p.Labels, l) {
			return true
		}
	}
	_, owner, _ := strings.Cut(p.Owner, "/")
	return n.named(p.Name, false) || owner != "" && n.named(owner, true)
}

// named reports whether an object has a name of the run's; made: or one that Kubernetes makes of such a name ("shop-0").
func (n *neighbours) named(name string, made bool) bool {
	for _, ours := range n.names {
		if name == ours || made && strings.HasPrefix(name, ours+"-") {
			return true
		}
	}
	return false
}
