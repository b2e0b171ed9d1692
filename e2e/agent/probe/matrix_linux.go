package probe

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// maxPorts limits how many of the ports that an epmd lists are dialled: a faulty epmd may list any number.
const maxPorts = 8

// peer is a pod that the watched one dials, itself among them. All but its pod is guarded by the watch's lock.
type peer struct {
	pod    agent.Pod
	ctx    context.Context //nolint:containedctx // until it leaves the plan
	cancel context.CancelFunc
	named  []int                 // the distribution ports in the last answer of its epmd
	own    *viewer.Registrations // of the pod itself
	epmd   turn
	dist   turn // not before the first query of its epmd, successful or not; never of the pod itself
}

// turn is when something is done next.
type turn struct {
	due  time.Time // zero: not yet
	busy bool      // it is being done
}

// newPeer begins to dial a pod. Where there are so many pairs that the interval is longer than planned, their first queries are
// spread over it. The caller holds the watch's lock.
func (w *watch) newPeer(q agent.Pod) *peer {
	p := &peer{pod: q, epmd: turn{due: time.Now()}}
	p.ctx, p.cancel = context.WithCancel(w.ctx)
	if q.UID == w.pod.UID {
		p.own = &viewer.Registrations{}
	}
	if w.pace.EPMD > w.plan.Resolve(0).EPMD {
		p.epmd.due = p.epmd.due.Add(rand.N(agent.First(w.pace.EPMD)))
	}
	return p
}

// dialPeers queries the epmd of each peer and dials its distribution ports, both in turn, until the watch ends. What hangs delays
// nothing else. One goroutine keeps the time of all: each has a stack, and a hundred pods have ten thousand pairs.
func (w *watch) dialPeers() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-timer.C:
		case <-w.turned:
		}
		timer.Reset(w.o.untilTick(w.dialDue(time.Now())))
	}
}

// dialDue begins what is due and returns when the next is.
func (w *watch) dialDue(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := now.Add(time.Minute)
	for _, p := range w.peers {
		for _, t := range []*turn{&p.epmd, &p.dist} {
			switch {
			case t.busy || t.due.IsZero():
			case t.due.After(now):
				if t.due.Before(next) {
					next = t.due
				}
			case t == &p.epmd:
				w.take(t, func(e agent.Every) time.Duration { return e.EPMD }, func() bool { return w.askEPMD(p) })
			default:
				w.take(t, func(e agent.Every) time.Duration { return e.Dist }, func() bool { return w.dialDist(p) })
			}
		}
	}
	return next
}

// take does f, after which its turn comes again one interval after it was due; turns that were missed meanwhile are skipped. Where f
// has failed and the interval is long, its turn comes sooner: a pod that does not listen yet will. The caller holds the watch's lock.
func (w *watch) take(t *turn, interval func(agent.Every) time.Duration, f func() bool) {
	t.busy = true
	w.wg.Go(func() {
		good := f()
		w.mu.Lock()
		defer w.mu.Unlock()
		wait := interval(w.pace)
		if !good {
			wait = agent.Sooner(wait)
		}
		if t.due, t.busy = t.due.Add(wait), false; time.Until(t.due) < 0 {
			t.due = time.Now()
		}
		w.wake()
	})
}

// wake makes dialPeers look at the turns again.
func (w *watch) wake() {
	select {
	case w.turned <- struct{}{}:
	default:
	}
}

// learned sets the ports that a peer's epmd has listed, and lets its distribution be dialled from now on.
func (w *watch) learned(p *peer, named []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.named = named
	if p.own == nil && p.dist.due.IsZero() {
		p.dist.due = time.Now()
		w.wake()
	}
}

// askEPMD lists the names of a peer's epmd, and reports whether it has listed any. Of the pod itself it also queries epmd for each name.
func (w *watch) askEPMD(p *peer) bool {
	plan, _ := w.current()
	if plan.EPMDPort == 0 {
		w.learned(p, nil)
		return true
	}
	addr := net.JoinHostPort(p.pod.IP, strconv.Itoa(plan.EPMDPort))
	began := time.Now()
	short, cancel := context.WithTimeout(p.ctx, agent.DialTimeout)
	defer cancel()
	names, err := erldist.Names(short, w.dial, addr)
	if p.ctx.Err() != nil {
		return false
	}
	if p.own != nil {
		source := w.source()
		defer p.own.Ask(p.ctx, &source, addr, names)
	}
	e := recording.EPMD{From: w.pod.UID, To: p.pod.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Detail: errorText(err), Took: time.Since(began)}
	var named []int
	for _, n := range names {
		e.Names = append(e.Names, recording.Registered{Name: n.Name, Port: n.Port})
		if len(named) < maxPorts && !slices.Contains(named, n.Port) {
			named = append(named, n.Port)
		}
	}
	w.learned(p, named)
	w.emit(recording.Event{EPMD: &e})
	return len(named) > 0
}

// dialDist dials the ports that the peer's epmd has listed, or the declared one if it has listed none. It reports whether a node
// answered on each.
func (w *watch) dialDist(p *peer) bool {
	w.mu.Lock()
	plan, named := w.plan, p.named
	w.mu.Unlock()
	if port := plan.PortOf(p.pod.UID); len(named) == 0 && port > 0 {
		named = []int{port}
	}
	good := len(named) > 0
	for _, port := range named {
		good = w.dialPort(p, plan, port) && good
	}
	return good
}

func (w *watch) dialPort(p *peer, plan agent.Plan, port int) bool {
	addr := net.JoinHostPort(p.pod.IP, strconv.Itoa(port))
	began := time.Now()
	short, cancel := context.WithTimeout(p.ctx, agent.DialTimeout)
	defer cancel()
	seen, err := erldist.Challenge(short, viewer.DistDialer(w.dial, plan, w.o.identity(), p.pod.UID, nil), addr)
	if p.ctx.Err() != nil {
		return false
	}
	w.emit(recording.Event{Dist: &recording.Dist{From: w.pod.UID, To: p.pod.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)),
		Status: seen.Status, Node: seen.Name, Flags: seen.Flags, Creation: seen.Creation, Detail: errorText(err), Took: time.Since(began)}})
	return err == nil
}
