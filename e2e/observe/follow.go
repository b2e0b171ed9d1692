package observe

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/recording"
)

// repeatAfter is how soon the same error is recorded again.
const repeatAfter = 5 * time.Second

// follower sends the plan to one agent and its lines to the sink.
type follower struct {
	o      *Observer
	node   string
	client *agentclient.Client
	at     agentclient.Cursor
	clock  estimate
	plan   chan struct{} // there is a reason to send it now
	lost   string        // why lines are missing before the next one
}

func (o *Observer) newFollower(node, pod string) *follower {
	return &follower{o: o, node: node, client: o.connect(pod)}
}

func (f *follower) run(ctx context.Context) {
	defer f.client.Close()
	news, end := f.o.plans.subscribe()
	defer end()
	f.plan = news
	if state := f.update(func(*nodeState) {}); state.seen {
		f.lost = "another agent reported from this node before"
	}
	defer f.update(func(s *nodeState) { s.live = false })
	f.o.spawn(func() { f.keepPlan(ctx) })
	var errs throttle
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		f.update(func(s *nodeState) { s.live = false })
		f.o.bug(err)
		if errs.due(err.Error()) {
			f.event(f.o.Now(), recording.Event{ObserverError: &recording.ObserverError{What: err.Error()}})
		}
		pause(ctx, f.o.pace.retry)
	}
}

// update changes the state of the node and returns the state before.
func (f *follower) update(change func(*nodeState)) nodeState {
	f.o.fleet.mu.Lock()
	defer f.o.fleet.mu.Unlock()
	s := f.o.fleet.node(f.node, f.o.Now())
	before := *s
	change(s)
	return before
}

// follow measures the clock and receives lines until the connection is lost. The agent stores its lines without a connection, so
// a lost connection alone is no gap.
func (f *follower) follow(ctx context.Context) error {
	start, err := f.client.Start(ctx)
	if err != nil {
		return err
	}
	if err := f.measure(ctx); err != nil {
		return err
	}
	f.event(f.o.Now(), recording.Event{Start: &start})
	nudge(f.plan) // it may have restarted without a plan
	measuring, stop := context.WithCancel(ctx)
	defer stop()
	f.o.spawn(func() { f.keepClock(measuring) })
	return f.client.Stream(ctx, &f.at, func(why string) { f.lost = why }, f.line)
}

// line receives one line. If lines were lost before it, the time since the last one is a gap.
func (f *follower) line(l agent.Line) {
	t := f.clock.ours(l.Boot)
	before := f.update(func(s *nodeState) {
		if !s.seen || t > s.last {
			s.last = t
		}
		s.live, s.seen, s.blind = true, true, nil
	})
	f.gap(before, t)
	switch {
	case l.Event.Process != nil:
		f.o.plans.process(l.Event.Process)
	case l.Event.VM != nil:
		f.o.plans.vm(l.Event.VM)
	}
	if t >= 0 { // what the agent saw for an earlier run does not belong to this recording
		f.event(t, l.Event)
	}
}

// gap records what was not seen before a line of that time, and that a silence has ended.
func (f *follower) gap(before nodeState, t time.Duration) {
	g := recording.Gap{From: max(0, before.last), Why: f.lost}
	if before.blind != nil {
		g.From = before.blind.From
	}
	switch {
	case f.lost != "":
		g.To = t
	case before.blind == nil:
		return
	case !before.seen:
		g.To, g.Why = t, before.blind.Why
	default:
		g.Why = "nothing was lost: the agent had stored its observations"
	}
	g.To = max(1, g.From, g.To)
	f.event(f.o.Now(), recording.Event{Gap: &g})
	f.lost = ""
}

func (f *follower) event(t time.Duration, e recording.Event) {
	e.T, e.By = t, recording.ByAgent(f.node)
	f.o.Sink(e)
}

// measure compares the clocks and records a measurement that is better than the one before.
func (f *follower) measure(ctx context.Context) error {
	c, err := f.client.Offset(ctx, f.o.Now)
	if err == nil && f.clock.offer(c, f.o.Now()) {
		f.event(f.o.Now(), recording.Event{Clock: &c})
	}
	return err
}

// keepClock repeats the measurement. A failed one does not matter: the stream shows whether the agent is alive.
func (f *follower) keepClock(ctx context.Context) {
	for pause(ctx, f.o.pace.clock) {
		_ = f.measure(ctx)
	}
}

// keepPlan sends the plan when it has changed, and at intervals in case the agent has restarted.
func (f *follower) keepPlan(ctx context.Context) {
	tick := time.NewTicker(f.o.pace.plan)
	defer tick.Stop()
	var errs throttle
	for {
		err := f.client.SetPlan(ctx, f.o.plans.current())
		f.o.bug(err)
		if err != nil && ctx.Err() == nil && errs.due(err.Error()) {
			f.event(f.o.Now(), recording.Event{ObserverError: &recording.ObserverError{What: fmt.Sprintf("sending the plan: %v", err)}})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.plan:
		}
	}
}

// throttle prevents that the same error is recorded again and again.
type throttle struct {
	what string
	at   time.Time
}

func (t *throttle) due(what string) bool {
	if what == t.what && time.Since(t.at) < repeatAfter {
		return false
	}
	t.what, t.at = what, time.Now()
	return true
}

// pause waits, and reports whether to continue.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
