package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/recording"
)

// watch is the observation of one pod. Each kind of observation has its own goroutine, so that a hanging dial delays no
// other.
type watch struct {
	o      *Observer
	pod    agent.Pod
	ns     *netns.Handle
	number int         // of the plan that it has; of the observer's goroutine
	given  agent.Every // the pace that it has; the same
	cancel context.CancelFunc
	ctx    context.Context //nolint:containedctx // the life of the watch
	wg     sync.WaitGroup

	mu     sync.Mutex
	plan   agent.Plan
	pace   agent.Every // the plan's, resolved
	vm     int         // process id of the BEAM, 0 when there is none
	starts int         // number of BEAM starts seen
	root   int         // a process whose /etc is the container's
	peers  map[agent.Pod]*peer
	turned chan struct{} // there may be something to dial
}

// startWatch starts to observe a pod from inside the namespace of one of its processes, if the door shows that it is the
// pod's.
func (o *Observer) startWatch(ctx context.Context, plan agent.Plan, pod agent.Pod, p proc.Process) (*watch, error) {
	own, err := netip.ParseAddr(pod.IP)
	if err != nil {
		return nil, err
	}
	ns, err := o.door.Observed(p.PID, own)
	if err != nil {
		return nil, err
	}
	w := &watch{o: o, pod: pod, ns: ns, plan: plan, pace: plan.Resolve(1), root: p.PID, peers: map[agent.Pod]*peer{}, turned: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.wg.Go(func() {
		look, end := w.sockets()
		defer end()
		w.every(w.ctx, func(e agent.Every) time.Duration { return e.Sockets }, look)
	})
	w.wg.Go(func() { w.every(w.ctx, func(e agent.Every) time.Duration { return e.DNS }, w.dns) })
	w.wg.Go(func() { w.every(w.ctx, fixedInterval(factsEvery), w.resolverRecorder()) })
	w.wg.Go(w.countQuestions)
	w.wg.Go(w.dialPeers)
	w.wg.Go(func() {
		v := viewer.New(w.source())
		defer v.Close()
		w.every(w.ctx, func(e agent.Every) time.Duration { return e.View }, v.Poll)
	})
	return w, nil
}

// source is the pod's node, asked from inside the pod's own namespace.
func (w *watch) source() viewer.Source {
	return viewer.Source{Pod: w.pod, Timeout: agent.DialTimeout, Dial: w.dial, Identity: w.o.identity, Starts: w.vmStarts, Emit: w.emit,
		Plan: func() agent.Plan { plan, _ := w.current(); return plan }}
}

// stop ends all observations and closes the namespace.
func (w *watch) stop() {
	w.cancel()
	w.wg.Wait()
	_ = w.ns.Close()
}

// every calls f at once and then at each interval of the plan. If a call takes longer than the interval, the missed calls
// are skipped.
func (w *watch) every(ctx context.Context, of func(agent.Every) time.Duration, f func(context.Context)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; {
		f(ctx)
		w.mu.Lock()
		d := of(w.pace)
		w.mu.Unlock()
		if due = due.Add(d); time.Until(due) < 0 {
			due = time.Now()
		}
		timer.Reset(w.o.untilTick(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// tickEvery is the grid of the times at which looks begin: those of all pods that are due within it begin together. To wake for each
// would cost as much as many of them do.
const tickEvery = 20 * time.Millisecond

// untilTick is how long it is until the first tick of the observer's grid that is not before due.
func (o *Observer) untilTick(due time.Time) time.Duration {
	ticks := (due.Sub(o.began) + tickEvery - 1) / tickEvery
	return time.Until(o.began.Add(ticks * tickEvery))
}

func (w *watch) emit(e recording.Event) {
	if w.ctx.Err() == nil {
		w.o.emit(e)
	}
}

func (w *watch) current() (agent.Plan, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.plan, w.root
}

// vmStarts is the number of BEAM starts seen.
func (w *watch) vmStarts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.starts
}

func (w *watch) lacksVM() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.vm == 0
}

// setPlan starts to dial new peers and stops for peers that are no longer in the plan.
func (w *watch) setPlan(p agent.Plan, pace agent.Every) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plan, w.pace = p, pace
	there := map[agent.Pod]bool{}
	for _, q := range p.Pods {
		if q.IP == "" {
			continue
		}
		there[q] = true
		if w.peers[q] == nil {
			w.peers[q] = w.newPeer(q)
			w.wake()
		}
	}
	for q, p := range w.peers {
		if !there[q] {
			p.cancel()
			delete(w.peers, q)
		}
	}
}

// setProcess sets the pod's main process, and waits for its exit if it is a BEAM.
func (w *watch) setProcess(p proc.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.root = p.PID
	if w.vm != 0 || !p.VM() {
		return
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return // it has exited already; the next scan finds its successor
	}
	if err != nil {
		w.o.reportError(w.pod.UID, "cannot watch for the exit of a process: "+err.Error())
		return
	}
	if now, alive := w.o.fs.Process(p.PID); !alive || now != p {
		_ = unix.Close(fd) // the PID belongs to another process by now
		return
	}
	w.vm = p.PID
	w.starts++
	w.emit(recording.Event{Process: &recording.Process{Pod: w.pod.UID, PID: p.PID, Name: p.Name}})
	life, ended := context.WithCancel(w.ctx)
	w.wg.Go(func() {
		defer ended()
		w.untilExit(fd, p)
	})
	w.wg.Go(func() { w.recordVM(life, p) })
}

// untilExit records the exit of the process of the pidfd fd.
func (w *watch) untilExit(fd int, p proc.Process) {
	err := waitExit(w.ctx, fd)
	if w.ctx.Err() != nil {
		return
	}
	if err != nil {
		w.emit(recording.Event{ObserverError: &recording.ObserverError{Pod: w.pod.UID, What: "cannot watch for the exit of a process: " + err.Error()}})
	} else {
		w.emit(recording.Event{Process: &recording.Process{Pod: w.pod.UID, PID: p.PID, Name: p.Name, Exited: true}})
	}
	w.mu.Lock()
	w.vm = 0
	w.mu.Unlock()
}

// waitExit waits until the process of the pidfd has exited or the context has ended. It closes fd.
func waitExit(ctx context.Context, fd int) error {
	// Go's poller waits for the descriptor, so that no thread is blocked.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, trouble := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if trouble != nil && !errors.Is(trouble, unix.EINTR) {
			failed = trouble
		}
		return n > 0 || failed != nil
	})
	return errors.Join(err, failed)
}

// dial connects from inside the pod, with the pod's own IP as the local address.
func (w *watch) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := dialNamespace(w.ns).Dial(ctx, network, addr, w.pod.IP)
	if err != nil {
		return nil, err
	}
	return w.o.conns.track(wrapConn(c)), nil
}

// errorText is the text of an error, "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
