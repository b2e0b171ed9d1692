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
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// maxPorts bounds how many of the ports that an epmd names are dialled: it may name any.
const maxPorts = 8

// ports are the distribution ports that a peer's epmd named the last time it was asked.
type ports struct {
	mu    sync.Mutex
	named []int
	asked chan struct{} // closed when epmd has been asked once, whatever came of it
	once  sync.Once
}

func (p *ports) set(named []int) {
	p.mu.Lock()
	p.named = named
	p.mu.Unlock()
	p.once.Do(func() { close(p.asked) })
}

// get gives them, or the declared one where epmd named none.
func (p *ports) get(declared int) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.named) == 0 && declared > 0 {
		return []int{declared}
	}
	return p.named
}

// dialPeer asks a peer's epmd and dials its distribution ports until ctx ends, each in its own turn: an epmd that says
// nothing does not hold up the other. Of the pod itself only epmd is asked. The watch's lock is held.
func (w *watch) dialPeer(ctx context.Context, q agent.Pod, pace agent.Every) {
	p := &ports{asked: make(chan struct{})}
	var own *registrar
	if q.UID == w.pod.UID {
		own = &registrar{}
	}
	var wait time.Duration
	if plan := w.plan; pace.EPMD > plan.Resolve(0).EPMD {
		// So many pairs that each must wait for its turn: their turns are spread.
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
		case <-p.asked:
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

// askEPMD asks a peer's epmd for its names, and, where own is given, the pod's own epmd about each of them.
func (w *watch) askEPMD(ctx context.Context, q agent.Pod, p *ports, own *registrar) {
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
		defer own.ask(ctx, w, addr, names)
	}
	e := recording.EPMD{From: w.pod.UID, To: q.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Detail: detail(err), Took: time.Since(began)}
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
	p, err := erldist.Challenge(short, w.distributed(q.UID, nil), addr)
	if ctx.Err() != nil {
		return
	}
	w.emit(recording.Event{Dist: &recording.Dist{From: w.pod.UID, To: q.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)),
		Status: p.Status, Node: p.Name, Flags: p.Flags, Creation: p.Creation, Detail: detail(err), Took: time.Since(began)}})
}
