// Package probe observes the pods of a plan from inside their network namespaces.
//
// In: a plan. Out: events, passed to a function as they happen. If something cannot be observed, there is an event with
// the outcome "error" or no event, never an old value again. The plan's cookie leaves the package only inside a handshake.
package probe

import (
	"context"
	"errors"
	"maps"
	"os"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/recording"
)

// scanEvery is the interval at which /proc is searched for pods without a known process.
const scanEvery = 100 * time.Millisecond

// Observer observes the pods of the current plan that run on its node.
type Observer struct {
	fs      proc.FS
	door    netns.Door
	finder  *proc.Finder
	node    string
	budget  *agent.Budget // of the agent
	emit    func(recording.Event)
	conns   *ownConns
	changed chan struct{}
	began   time.Time

	mu          sync.Mutex
	plan        agent.Plan
	number      int             // of the plan, counted from 1
	tlsIdentity viewer.Identity // of the plan

	// Used by Run's goroutine only:
	watched  map[string]*watch
	pace     agent.Every // as last recorded
	stopping sync.WaitGroup
	recent   map[recording.ObserverError]time.Time // recently reported errors, and when
}

// New returns an observer of the pods on node. finder finds their processes; the observers of one agent share a finder and a budget.
func New(finder *proc.Finder, node string, budget *agent.Budget, emit func(recording.Event)) *Observer {
	return &Observer{fs: finder.FS(), door: netns.NewDoor(string(finder.FS())), finder: finder, node: node, budget: budget, emit: emit, conns: newOwnConns(), watched: map[string]*watch{}, recent: map[recording.ObserverError]time.Time{}, changed: make(chan struct{}, 1), began: time.Now()}
}

// SetPlan replaces the plan. Pods that are no longer in it are released at once.
func (o *Observer) SetPlan(p agent.Plan) {
	o.mu.Lock()
	o.plan, o.number, o.tlsIdentity = p, o.number+1, o.tlsIdentity.ForPlan(p)
	o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (o *Observer) identity() viewer.Identity {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tlsIdentity
}

// Run observes until the context ends. It releases everything before it returns.
func (o *Observer) Run(ctx context.Context) {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	defer o.stopping.Wait()
	defer o.budget.Leave(o)
	defer func() {
		for uid := range o.watched {
			o.release(uid)
		}
	}()
	for {
		o.mu.Lock()
		plan, number := o.plan, o.number
		o.mu.Unlock()
		o.reconcile(ctx, plan, number)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-o.changed:
		}
	}
}

// reconcile starts and releases watches so that they match the plan and the running processes, and gives
// each watch the plan and its pace where either has changed.
func (o *Observer) reconcile(ctx context.Context, plan agent.Plan, number int) {
	wanted := map[string]agent.Pod{}
	var missing []string
	for _, p := range plan.Pods {
		if p.Node != o.node || p.IP == "" {
			continue
		}
		wanted[p.UID] = p
		if w := o.watched[p.UID]; w == nil || w.lacksVM() {
			missing = append(missing, p.UID)
		}
	}
	for uid, w := range o.watched {
		if wanted[uid] != w.pod { // no longer in the plan, or with another address
			o.release(uid)
		}
	}
	if len(missing) > 0 {
		found, err := o.finder.Find(missing)
		if err != nil {
			o.reportError("", "cannot read /proc: "+err.Error())
		}
		for uid, p := range found {
			o.foundProcess(ctx, plan, wanted[uid], p)
		}
	}
	pace := o.budget.Share(o, plan, len(wanted))
	if len(o.watched) > 0 && pace != o.pace {
		o.pace = pace
		p := pace.Pace()
		o.emit(recording.Event{Pace: &p})
	}
	for _, w := range o.watched {
		if w.number != number || w.given != pace {
			w.number, w.given = number, pace
			w.setPlan(plan, pace)
		}
	}
}

// foundProcess gets the main process of a pod that has no watch or no VM.
func (o *Observer) foundProcess(ctx context.Context, plan agent.Plan, pod agent.Pod, p proc.Process) {
	w := o.watched[pod.UID]
	if w != nil {
		same, err := w.ns.Same(o.fs.NetNS(p.PID))
		if err != nil {
			return // it has exited since the scan; the next scan finds its successor
		}
		if !same {
			// The sandbox was recreated with a new network namespace: sockets in the old one are useless.
			o.release(pod.UID)
			w = nil
		}
	}
	if w == nil {
		if p.Sandbox() {
			return
		}
		var err error
		if w, err = o.startWatch(ctx, plan, pod, p); errors.Is(err, os.ErrNotExist) {
			return // it has exited
		} else if err != nil {
			o.reportError(pod.UID, err.Error())
			return
		}
		o.watched[pod.UID] = w
	}
	w.setProcess(p)
}

// release stops the watch of a pod without waiting for it: its last dials may take until their timeout.
func (o *Observer) release(uid string) {
	w := o.watched[uid]
	delete(o.watched, uid)
	w.cancel()
	o.stopping.Go(w.stop)
}

// reportError records an error of the agent itself, the same error at most once a second.
func (o *Observer) reportError(pod, what string) {
	e := recording.ObserverError{Pod: pod, What: what}
	maps.DeleteFunc(o.recent, func(_ recording.ObserverError, at time.Time) bool { return time.Since(at) > time.Second })
	if _, told := o.recent[e]; !told {
		o.recent[e] = time.Now()
		o.emit(recording.Event{ObserverError: &e})
	}
}
