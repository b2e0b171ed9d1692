package run

import (
	"context"
	"fmt"
	"sync"

	"meshproof.dev/meshproof/e2e/progress"
)

// podPool bounds how many pods run on the cluster at the same time. There is one that takes from it; it is waked by whoever
// gives back. It becomes smaller where the machine does not keep up.
type podPool struct {
	size int
	mu   sync.Mutex
	used int
	news chan struct{}
}

func newPodPool(pods int) *podPool { return &podPool{size: pods, news: make(chan struct{}, 1)} }

// take waits until n pods fit in. More than there are in all is all of them.
func (p *podPool) take(ctx context.Context, n int) (taken int, err error) {
	defer progress.Wait(ctx, fmt.Sprintf("room for %d more pods on the cluster", n)).Done()
	for {
		p.mu.Lock()
		if taken = min(n, p.size); p.used+taken <= p.size {
			p.used += taken
			p.mu.Unlock()
			return taken, nil
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-p.news:
		}
	}
}

func (p *podPool) give(n int) {
	p.mu.Lock()
	p.used -= n
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// leastPods is what a pool does not become smaller than: one workload of three replicas and two that come and go.
const leastPods = 6

// shrink takes a quarter of the pool away, and returns what is left. What runs goes on.
func (p *podPool) shrink() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = min(p.size, max(leastPods, p.size*3/4))
	return p.size
}
