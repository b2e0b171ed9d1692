package probe

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// maxPorts limits how many of the ports that an epmd lists are dialled: a faulty epmd may list any number.
const maxPorts = 8

// ports are the distribution ports in the last answer of a peer's epmd.
type ports struct {
	mu       sync.Mutex
	named    []int
	answered chan struct{} // closed after the first query of epmd, successful or not
	once     sync.Once
}

func (p *ports) set(named []int) {
	p.mu.Lock()
	p.named = named
	p.mu.Unlock()
	p.once.Do(func() { close(p.answered) })
}

// get returns them, or the declared port if epmd listed none.
func (p *ports) get(declared int) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.named) == 0 && declared > 0 {
		return []int{declared}
	}
	return p.named
}

// probePeer queries a peer's epmd and dials its distribution ports until ctx ends. Each has its own goroutine, so that an
// epmd that does not answer does not delay the dials. Of the pod itself only epmd is queried. The caller holds the watch's
// lock.
func (w *watch) probePeer(ctx context.Context, q agent.Pod, pace agent.Every) {
	p := &ports{answered: make(chan struct{})}
	var own *viewer.Registrations
	if q.UID == w.pod.UID {
		own = &viewer.Registrations{}
	}
	var wait time.Duration
	if plan := w.plan; pace.EPMD > plan.Resolve(0).EPMD {
		// There are so many pairs that the interval is longer than planned. Spread their first queries over it.
		wait = rand.N(pace.EPMD)
	}
	w.wg.Go(func() {
		if !pause(ctx, wait) {
			return
		}
		w.every(ctx, func(e agent.Every) time.Duration { return e.EPMD }, func(ctx context.Context) { w.askEPMD(ctx, q, p, own) })
	})
	if own != nil {
		return
	}
	w.wg.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-p.answered:
		}
		w.every(ctx, func(e agent.Every) time.Duration { return e.Dist }, func(ctx context.Context) {
			plan, _ := w.current()
			for _, port := range p.get(plan.PortOf(q.UID)) {
				w.dialDist(ctx, q, port)
			}
		})
	})
}

func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// askEPMD lists the names of a peer's epmd. With own it also queries the pod's own epmd for each name.
func (w *watch) askEPMD(ctx context.Context, q agent.Pod, p *ports, own *viewer.Registrations) {
	plan, _ := w.current()
	if plan.EPMDPort == 0 {
		p.set(nil)
		return
	}
	addr := net.JoinHostPort(q.IP, strconv.Itoa(plan.EPMDPort))
	began := time.Now()
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	names, err := erldist.Names(short, w.dial, addr)
	if ctx.Err() != nil {
		return
	}
	if own != nil {
		source := w.source()
		defer own.Ask(ctx, &source, addr, names)
	}
	e := recording.EPMD{From: w.pod.UID, To: q.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Detail: errorText(err), Took: time.Since(began)}
	var named []int
	for _, n := range names {
		e.Names = append(e.Names, recording.Registered{Name: n.Name, Port: n.Port})
		if len(named) < maxPorts && !slices.Contains(named, n.Port) {
			named = append(named, n.Port)
		}
	}
	p.set(named)
	w.emit(recording.Event{EPMD: &e})
}

func (w *watch) dialDist(ctx context.Context, q agent.Pod, port int) {
	addr := net.JoinHostPort(q.IP, strconv.Itoa(port))
	began := time.Now()
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	plan, _ := w.current()
	p, err := erldist.Challenge(short, viewer.DistDialer(w.dial, plan, w.o.identity(), q.UID, nil), addr)
	if ctx.Err() != nil {
		return
	}
	w.emit(recording.Event{Dist: &recording.Dist{From: w.pod.UID, To: q.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)),
		Status: p.Status, Node: p.Name, Flags: p.Flags, Creation: p.Creation, Detail: errorText(err), Took: time.Since(began)}})
}
