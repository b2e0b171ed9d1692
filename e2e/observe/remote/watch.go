package remote

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// How often each pod is looked at, and the timeout of one connection or question: an API server may be far away.
const (
	everyView   = 400 * time.Millisecond
	everyEPMD   = 2 * time.Second
	everyDist   = 3 * time.Second
	everyTable  = 800 * time.Millisecond
	dialTimeout = 5 * time.Second
)

// maxTables is the number of pods up to which socket tables are read. With more, a pod's table would be read too seldom to say
// which links last.
const maxTables = 6

// maxPorts limits how many of the ports that an epmd lists are dialled.
const maxPorts = 8

// watch is the observation of one pod.
type watch struct {
	o      *Observer
	ctx    context.Context //nolint:containedctx // the life of the watch
	cancel context.CancelFunc

	mu       sync.Mutex
	pod      Pod
	ports    []int  // that its epmd listed
	node     string // the address at which its node gave its challenge, "" where none did
	forwards map[int]*agentclient.Forward
	looked   chan struct{} // closed when the VM was found, or cannot be
	once     sync.Once
	execs    *sync.Mutex // held while a command runs
}

// found lets the node be asked: from its command line it is known by now whether it speaks TLS. A TLS node logs an error for each
// plain connection.
func (w *watch) found() { w.once.Do(func() { close(w.looked) }) }

func (o *Observer) newWatch(ctx context.Context, p Pod) *watch {
	w := &watch{o: o, pod: p, forwards: map[int]*agentclient.Forward{}, looked: make(chan struct{}), execs: &o.execs}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w
}

func (w *watch) source() viewer.Source {
	return viewer.Source{Pod: w.now().Pod, Timeout: dialTimeout, Dial: w.dial, Starts: func() int { return w.now().Starts }, Emit: w.emit,
		Plan:     func() agent.Plan { plan, _ := w.o.current(); return plan },
		Identity: func() viewer.Identity { _, own := w.o.current(); return own }}
}

func (w *watch) close() {
	for _, f := range w.forwards {
		f.Close()
	}
}

func (o *Observer) watch(ctx context.Context, p Pod) *watch {
	w := o.newWatch(ctx, p)
	source := w.source()
	var wg sync.WaitGroup
	loop := func(every time.Duration, look func(context.Context)) {
		wg.Add(1)
		o.spawn(func() {
			defer wg.Done()
			for began := time.Now(); ; began = time.Now() {
				look(w.ctx)
				if !pause(w.ctx, every-time.Since(began)) {
					return
				}
			}
		})
	}
	v, names, vm := viewer.New(source), &viewer.Registrations{}, &search{}
	loop(time.Second, func(ctx context.Context) { vm.look(ctx, w) })
	loop(everyTable, w.table)
	wg.Add(1)
	o.spawn(func() {
		defer wg.Done()
		select {
		case <-w.ctx.Done():
			return
		case <-w.looked:
		}
		loop(everyView, v.Poll)
		loop(everyEPMD, func(ctx context.Context) { _ = w.askEPMD(ctx, &source, names) })
		loop(everyDist, func(ctx context.Context) { _ = w.dialDist(ctx, v) })
	})
	o.spawn(func() {
		wg.Wait()
		v.Close()
		w.close()
	})
	return w
}

func (w *watch) set(p Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pod = p
}

func (w *watch) now() Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

func (w *watch) emit(e recording.Event) {
	if w.ctx.Err() == nil {
		w.o.Emit(e)
	}
}

// dial connects to the port of addr in the pod, on the pod's loopback. An error says nothing about the pod.
func (w *watch) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	f := w.forwards[port]
	if f == nil {
		w.o.done("port-forward")
		f = agentclient.NewForward(w.o.Rest, w.o.Client, w.o.Namespace, w.pod.Name, port)
		w.forwards[port] = f
	}
	w.mu.Unlock()
	c, err := f.Dial(ctx, network, addr)
	if err != nil {
		if forbidden(err) {
			w.o.lose("what nodes and epmd answer: "+firstLine(err), recording.KindAnswer, recording.KindCookie, recording.KindDist, recording.KindEPMD, recording.KindKernel, recording.KindNodes, recording.KindRegistration)
		}
		return nil, &erldist.Error{Step: erldist.StageDial, Outcome: erldist.Failed, Addr: addr, Err: err}
	}
	return forwarded{c}, nil
}

// askEPMD lists the names of the pod's own epmd, and reports whether there is nothing more to ask it.
func (w *watch) askEPMD(ctx context.Context, s *viewer.Source, own *viewer.Registrations) bool {
	plan := s.Plan()
	if plan.EPMDPort == 0 || w.o.waits(plan) {
		return true
	}
	addr := net.JoinHostPort(s.Pod.IP, strconv.Itoa(plan.EPMDPort))
	began := time.Now()
	short, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	w.o.done("question to epmd")
	names, err := erldist.Names(short, w.dial, addr)
	if ctx.Err() != nil {
		return false
	}
	e := recording.EPMD{From: s.Pod.UID, To: s.Pod.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Took: time.Since(began)}
	if err != nil {
		e.Detail = err.Error()
	}
	var ports []int
	for _, n := range names {
		e.Names = append(e.Names, recording.Registered{Name: n.Name, Port: n.Port})
		if len(ports) < maxPorts && !slices.Contains(ports, n.Port) {
			ports = append(ports, n.Port)
		}
	}
	w.mu.Lock()
	w.ports = ports
	w.mu.Unlock()
	w.emit(recording.Event{EPMD: &e})
	own.Ask(ctx, s, addr, names)
	return err == nil
}

// dialDist reads the challenge of the pod's own node, and reports whether there is nothing more to read.
func (w *watch) dialDist(ctx context.Context, v *viewer.Viewer) (all bool) {
	plan := v.Plan()
	if w.o.waits(plan) {
		return true
	}
	w.mu.Lock()
	ports := w.ports
	w.mu.Unlock()
	if port := plan.PortOf(v.Pod.UID); len(ports) == 0 && port > 0 {
		ports = []int{port}
	}
	all = len(ports) > 0
	for _, port := range ports {
		addr := net.JoinHostPort(v.Pod.IP, strconv.Itoa(port))
		began := time.Now()
		if !plan.SpeaksTLS(v.Pod.UID) || plan.Identity != nil {
			w.o.done("handshake up to the challenge")
		}
		short, cancel := context.WithTimeout(ctx, dialTimeout)
		p, err := erldist.Challenge(short, v.DistDialer(nil), addr)
		cancel()
		if ctx.Err() != nil {
			return false
		}
		if all = all && err == nil; err == nil {
			w.mu.Lock()
			w.node = addr
			w.mu.Unlock()
		}
		e := recording.Dist{From: v.Pod.UID, To: v.Pod.UID, Addr: addr, Outcome: recording.Outcome(erldist.OutcomeOf(err)),
			Status: p.Status, Node: p.Name, Flags: p.Flags, Creation: p.Creation, Took: time.Since(began)}
		if err != nil {
			e.Detail = err.Error()
		}
		w.emit(recording.Event{Dist: &e})
	}
	return all
}

// forwarded is a connection through a port-forward. What refuses it is the pod's loopback: the node may well listen on the pod's
// address alone.
type forwarded struct{ net.Conn }

func (f forwarded) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	return n, onLoopback(err)
}

func (f forwarded) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b)
	return n, onLoopback(err)
}
