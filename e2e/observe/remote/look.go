package remote

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/erldist"
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

	offered bool   // the cookie was offered to a node
	form    []byte // in which that node accepted it
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
func NewLooks(o Options) *Looks { return &Looks{o: New(o), seen: map[string]*glance{}} }

// Look looks once into each of the pods. What has answered before is not asked again, but for the socket table.
func (l *Looks) Look(ctx context.Context, plan agent.Plan, pods []Pod) {
	o := l.o
	if len(l.form) > 0 {
		plan.Cookie = l.form
	}
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
			source.OneForm = true // which form is known by then
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
	l.views(ctx, pods)
	o.start() // what was lost meanwhile
}

// views asks the nodes what they see, if there is a cookie that one of them accepts.
func (l *Looks) views(ctx context.Context, pods []Pod) {
	o := l.o
	if plan, _ := o.current(); len(plan.Cookie) == 0 || !l.offer(ctx, pods, plan) {
		return
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, p := range pods {
		if g := l.seen[p.UID]; o.knowsTransport(p.UID) {
			free <- struct{}{}
			guard.Go(&wg, o.Caught, func() {
				defer func() { <-free }()
				g.viewer.Poll(ctx)
			})
		}
	}
	wg.Wait()
}

// offer offers the cookie to one node, as it is and without white space at its ends, each once: a node that refuses it logs that. Only a
// form that this node accepts goes to any other.
func (l *Looks) offer(ctx context.Context, pods []Pod, plan agent.Plan) bool {
	if l.offered {
		return len(l.form) > 0
	}
	for _, p := range pods {
		g := l.seen[p.UID]
		addr, ok := g.dist()
		if !ok {
			continue
		}
		l.offered = true
		forms := [][]byte{plan.Cookie}
		if trimmed := bytes.TrimSpace(plan.Cookie); len(trimmed) < len(plan.Cookie) {
			forms = append(forms, trimmed)
		}
		for _, form := range forms {
			l.o.done("cookie offered to " + p.Name)
			short, cancel := context.WithTimeout(ctx, dialTimeout)
			c, err := erldist.Connect(short, g.viewer.DistDialer(nil), addr, erldist.NewCookie(form))
			cancel()
			_ = c.Close()
			if err == nil {
				if l.form = form; len(form) < len(plan.Cookie) {
					l.o.done("cookie accepted without white space at its ends by " + p.Name)
				}
				l.o.mu.Lock()
				l.o.plan.Cookie = form
				l.o.mu.Unlock()
				return true
			}
			g.emit(recording.Event{Cookie: &recording.Cookie{Pod: p.UID, Addr: addr, Cookie: "A", Outcome: recording.Outcome(erldist.OutcomeOf(err)), Node: c.Peer.Name, Detail: err.Error()}})
		}
		l.o.lose("what the nodes see: "+p.Name+" does not accept the cookie, which was offered to no other", recording.KindNodes, recording.KindKernel)
		return false
	}
	return false
}

// dist is the address of the pod's node, if it has given its challenge.
func (g *glance) dist() (addr string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.node, g.node != ""
}

func (g *glance) look(ctx context.Context) {
	g.table(ctx)
	g.vm.look(ctx, g.watch)
	if g.answered {
		return
	}
	g.answered = g.askEPMD(ctx, &g.viewer.Source, g.names)
	g.onlyApplication()
	if g.o.knowsTransport(g.now().UID) && !g.dialDist(ctx, g.viewer) {
		g.answered = false
	}
}

// onlyApplication leaves one of the ports that epmd listed: the declared one, else that of the node that was registered first, which is
// the last in the list. The others are of remote consoles and commands.
func (g *glance) onlyApplication() {
	plan, _ := g.o.current()
	g.mu.Lock()
	defer g.mu.Unlock()
	if port := plan.PortOf(g.pod.UID); slices.Contains(g.ports, port) {
		g.ports = []int{port}
	} else if n := len(g.ports); n > 1 {
		g.ports = g.ports[n-1:]
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
