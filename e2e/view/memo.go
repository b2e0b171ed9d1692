package view

import "sync"

// memo caches results that many checks need from the same view, until the next event. It is safe for concurrent readers.
type memo struct {
	mu   sync.Mutex
	kept map[string]any
}

func (m *memo) forget() {
	m.mu.Lock()
	m.kept = nil
	m.mu.Unlock()
}

// Once returns the result of build for this view, computed once until the next event. It must depend on nothing else, and callers
// must not change it.
func (v *View) Once(what string, build func() any) any {
	v.memo.mu.Lock()
	kept, known := v.memo.kept[what]
	v.memo.mu.Unlock()
	if known {
		return kept
	}
	kept = build()
	v.memo.mu.Lock()
	defer v.memo.mu.Unlock()
	if v.memo.kept == nil {
		v.memo.kept = map[string]any{}
	}
	v.memo.kept[what] = kept
	return kept
}
