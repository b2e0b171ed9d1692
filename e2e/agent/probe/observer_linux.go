// Package probe observes the pods of a plan from inside their network namespaces.
//
// In: a plan. Out: events, given to a function as they are seen. What cannot be observed is an event with the outcome
// "error" or none at all, never an old value once more. The cookie of the plan leaves the package only inside a
// handshake.
package probe

import (
	"context"
	"errors"
	"maps"
	"os"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// scanEvery is how often /proc is searched for pods that have no process yet, or no longer.
const scanEvery = 100 * time.Millisecond

// Observer watches the pods of the present plan that run on its node.
type Observer struct {
	fs      proc.FS
	finder  *proc.Finder
	node    string
	emit    func(recording.Event)
	ours    *ours
	changed chan struct{}

	mu   sync.Mutex
	plan agent.Plan
	own  identity // of the plan

	// Of Run's goroutine alone:
	watched  map[string]*watch
	stopping sync.WaitGroup
	told     map[recording.ObserverError]time.Time // what was told of late, and when
}

// New makes an observer of the pods of node, whose processes finder finds.
func New(finder *proc.Finder, node string, emit func(recording.Event)) *Observer {
	return &Observer{fs: finder.FS(), finder: finder, node: node, emit: emit, ours: newOurs(), watched: map[string]*watch{}, told: map[recording.ObserverError]time.Time{}, changed: make(chan struct{}, 1)}
}

// SetPlan replaces the plan. Pods that are no longer in it are let go at once.
func (o *Observer) SetPlan(p agent.Plan) {
	o.mu.Lock()
	o.plan, o.own = p, o.own.of(p)
	o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// Run observes until the context ends, and lets go of everything before it returns.
func (o *Observer) Run(ctx context.Context) {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	defer o.stopping.Wait()
	defer func() {
		for uid := range o.watched {
			o.release(uid)
		}
	}()
	for {
		o.mu.Lock()
		plan := o.plan
		o.mu.Unlock()
		o.settle(ctx, plan)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-o.changed:
		}
	}
}

// settle brings what is watched in line with the plan and with what runs.
func (o *Observer) settle(ctx context.Context, plan agent.Plan) {
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
		if wanted[uid] != w.pod { // no longer there, or with another address
			o.release(uid)
		}
	}
	if len(missing) > 0 {
		found, err := o.finder.Find(missing)
		if err != nil {
			o.trouble("", "reading /proc: "+err.Error())
		}
		for uid, p := range found {
			o.found(ctx, plan, wanted[uid], p)
		}
	}
	pace := plan.Resolve(len(wanted))
	for _, w := range o.watched {
		w.setPlan(plan, pace)
	}
}

// found takes note of the most telling process of a pod that has no watch or no VM.
func (o *Observer) found(ctx context.Context, plan agent.Plan, pod agent.Pod, p proc.Process) {
	w := o.watched[pod.UID]
	if w != nil {
		same, err := w.ns.Is(o.fs.NetNS(p.PID))
		if err != nil {
			return // it has ended between the two looks; the next one tells
		}
		if !same {
			// The sandbox was made anew, and with it the network: what was opened in the old one is of no more use.
			o.release(pod.UID)
			w = nil
		}
	}
	if w == nil {
		if p.Sandbox() {
			return
		}
		var err error
		if w, err = o.begin(ctx, plan, pod, p); errors.Is(err, os.ErrNotExist) {
			return // it has ended, too
		} else if err != nil {
			o.trouble(pod.UID, err.Error())
			return
		}
		o.watched[pod.UID] = w
	}
	w.process(p)
}

// release lets a pod go at once. Its last dials are waited for elsewhere: they may take as long as a dial does.
func (o *Observer) release(uid string) {
	w := o.watched[uid]
	delete(o.watched, uid)
	w.cancel()
	o.stopping.Go(w.stop)
}

// trouble tells of what went wrong on our side, the same thing once a second.
func (o *Observer) trouble(pod, what string) {
	e := recording.ObserverError{Pod: pod, What: what}
	maps.DeleteFunc(o.told, func(_ recording.ObserverError, at time.Time) bool { return time.Since(at) > time.Second })
	if _, known := o.told[e]; !known {
		o.told[e] = time.Now()
		o.emit(recording.Event{ObserverError: &e})
	}
}
