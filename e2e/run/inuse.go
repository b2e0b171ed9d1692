package run

import (
	"sync"

	"meshproof.dev/meshproof/e2e/view"
)

// inUse collects what the harness and the agents said of their own processes, over all recordings of a soak. Nil takes nothing. Safe
// for concurrent use.
type inUse struct {
	mu  sync.Mutex
	all []view.Held
}

func (h *inUse) add(more []view.Held) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, more...)
}
