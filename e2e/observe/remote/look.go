package remote

import (
	"context"
	"maps"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// atOnce is how many pods a look looks into at the same time. In each of them no two commands run at a time.
const atOnce = 8

// Looks looks into running pods a few times, once after the other, and goes away. It is for clusters that are not ours: it starts
// nothing but cat, reads what a node says of itself before it is offered any cookie, and dials no node of which it does not know
// whether it speaks TLS, since a TLS node logs each plain connection.
type Looks struct {
	o    *Observer
	seen map[string]*glance // by pod UID
}

// glance is what a look keeps of a pod for the next one.
type glance struct {
	*watch
	vm       *search
	viewer   *viewer.Viewer
	names    *viewer.Registrations
	answered bool // its epmd and its node
}

// NewLooks prepares to look.
func NewLooks(o Options) *Looks { return &Looks{New(o), map[string]*glance{}} }

// Look looks once into each of the pods. What has answered before is not asked again, but for the socket table.
func (l *Looks) Look(ctx context.Context, plan agent.Plan, pods []Pod) {
	o := l.o
	o.mu.Lock()
	o.plan, o.pods, o.identity = plan, pods, o.identity.ForPlan(plan)
	o.mu.Unlock()
	o.start()
	var wg sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, p := range pods {
		g := l.seen[p.UID]
		if g == nil || g.now().Pod != p.Pod {
			w := o.newWatch(ctx, p)
			w.execs = &sync.Mutex{}
			source := w.source()
			g = &glance{w, &search{most: 1}, viewer.New(source), &viewer.Registrations{}, false}
			l.seen[p.UID] = g
		}
		g.set(p)
		free <- struct{}{}
		guard.Go(&wg, o.Caught, func() {
			defer func() { <-free }()
			g.look(ctx)
		})
	}
	wg.Wait()
	o.start() // what was lost meanwhile
}

func (g *glance) look(ctx context.Context) {
	g.table(ctx)
	g.vm.look(ctx, g.watch)
	if g.answered {
		return
	}
	g.answered = g.askEPMD(ctx, &g.viewer.Source, g.names)
	if g.o.knowsTransport(g.now().UID) && !g.dialDist(ctx, g.viewer) {
		g.answered = false
	}
}

// knowsTransport reports whether the command line of the pod's node was seen, which says whether it speaks TLS.
func (o *Observer) knowsTransport(uid string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, known := o.ways[uid]
	return known
}

// Close ends the connections.
func (l *Looks) Close() {
	for _, g := range l.seen {
		g.cancel()
		g.viewer.Close()
		g.close()
	}
}

// Did is what was done in the pods and to them, each with how often.
func (l *Looks) Did() map[string]int {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	return maps.Clone(l.o.did)
}

// Lose records that something cannot be seen, and why: a kind of events, or another name of [recording.Start].
func (l *Looks) Lose(why string, what ...recording.Kind) { l.o.lose(why, what...) }

// done counts something that was done.
func (o *Observer) done(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.did[what]++
}
