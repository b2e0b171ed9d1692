package run

import (
	"errors"
	"sync"

	"meshproof.dev/meshproof/e2e/guard"
)

// bugs are the panics in the goroutines that observe a workload. The run of the workload goes on, its scenarios are unknown, and the
// run ends with 70. Safe for concurrent use.
type bugs struct {
	spoil func(why string) // makes the scenario under way unknown

	mu   sync.Mutex
	errs []error
}

// add takes note of a panic.
func (b *bugs) add(err error) {
	b.mu.Lock()
	b.errs = append(b.errs, err)
	b.mu.Unlock()
	b.again()
}

// again spoils the scenario under way, if there was a panic: what has ended does not come back with the next scenario.
func (b *bugs) again() {
	if bug := guard.Bug(b.all()); bug != nil {
		_ = guard.Try(func() error { b.spoil(bug.Sentence()); return nil }) // it may have the same bug
	}
}

func (b *bugs) all() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.errs...)
}
