package observe

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/recording"
)

// tellEvery is how often the same trouble is told.
const tellEvery = 5 * time.Second

// follower brings the plan to one agent and its lines to the sink.
type follower struct {
	o      *Observer
	node   string
	client *agentclient.Client
	at     agentclient.Cursor
	clock  estimate
	plan   chan struct{} // there is a reason to bring it now
	hole   string        // why lines are missing before the next one
}

func (o *Observer) newFollower(node, pod string) *follower {
	return &follower{o: o, node: node, client: o.connect(pod)}
}

func (f *follower) run(ctx context.Context) {
	defer f.client.Close()
	news, end := f.o.plans.subscribe()
	defer end()
	f.plan = news
	if sight := f.sight(func(*nodeSight) {}); sight.seen {
		f.hole = "another agent reported from this node before"
	}
	defer f.sight(func(s *nodeSight) { s.live = false })
	f.o.wg.Go(func() { f.keepPlan(ctx) })
	var said teller
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		f.sight(func(s *nodeSight) { s.live = false })
		if said.news(err.Error()) {
			f.event(f.o.Now(), recording.Event{ObserverError: &recording.ObserverError{What: err.Error()}})
		}
		pause(ctx, f.o.pace.retry)
	}
}

// sight changes what is known of the node and gives what it was before.
func (f *follower) sight(change func(*nodeSight)) nodeSight {
	f.o.fleet.mu.Lock()
	defer f.o.fleet.mu.Unlock()
	s := f.o.fleet.node(f.node, f.o.Now())
	before := *s
	change(s)
	return before
}

// follow measures the clock and takes lines until the connection is lost. What was sent in the meantime is held by the
// agent, so that a lost connection is no gap by itself.
func (f *follower) follow(ctx context.Context) error {
	start, err := f.client.Start(ctx)
	if err != nil {
		return err
	}
	if err := f.measure(ctx); err != nil {
		return err
	}
	f.event(f.o.Now(), recording.Event{Start: &start})
	nudge(f.plan) // it may have been started anew, with none
	measuring, stop := context.WithCancel(ctx)
	defer stop()
	f.o.wg.Go(func() { f.keepClock(measuring) })
	return f.client.Stream(ctx, &f.at, func(why string) { f.hole = why }, f.line)
}

// line takes one line. What lies between it and the last one before a hole is a gap.
func (f *follower) line(l agent.Line) {
	t := f.clock.ours(l.Boot)
	before := f.sight(func(s *nodeSight) { s.live, s.seen, s.last, s.blind = true, true, max(s.last, t), nil })
	f.gap(before, t)
	switch {
	case l.Event.Process != nil:
		f.o.plans.process(l.Event.Process)
	case l.Event.VM != nil:
		f.o.plans.vm(l.Event.VM)
	}
	if t >= 0 { // what the agent saw for an earlier run is not this recording's
		f.event(t, l.Event)
	}
}

// gap tells what was not seen before a line of that time, and that a silence is over.
func (f *follower) gap(before nodeSight, t time.Duration) {
	g := recording.Gap{From: max(0, before.last), Why: f.hole}
	if before.blind != nil {
		g.From = before.blind.From
	}
	switch {
	case f.hole != "":
		g.To = t
	case before.blind == nil:
		return
	case !before.seen:
		g.To, g.Why = t, before.blind.Why
	default:
		g.Why = "nothing was lost: the agent had kept what it saw"
	}
	g.To = max(1, g.From, g.To)
	f.event(f.o.Now(), recording.Event{Gap: &g})
	f.hole = ""
}

func (f *follower) event(t time.Duration, e recording.Event) {
	e.T, e.By = t, recording.ByAgent(f.node)
	f.o.Sink(e)
}

// measure compares the clocks and records what is better known than before.
func (f *follower) measure(ctx context.Context) error {
	c, err := f.client.Offset(ctx, f.o.Now)
	if err == nil && f.clock.offer(c, f.o.Now()) {
		f.event(f.o.Now(), recording.Event{Clock: &c})
	}
	return err
}

// keepClock measures again now and then. A measurement that fails is no trouble: the stream reports whether the agent lives.
func (f *follower) keepClock(ctx context.Context) {
	for pause(ctx, f.o.pace.clock) {
		_ = f.measure(ctx)
	}
}

// keepPlan brings the plan when it has changed, and now and then in case the agent was started anew.
func (f *follower) keepPlan(ctx context.Context) {
	tick := time.NewTicker(f.o.pace.plan)
	defer tick.Stop()
	var said teller
	for {
		if err := f.client.SetPlan(ctx, f.o.plans.current()); err != nil && ctx.Err() == nil && said.news(err.Error()) {
			f.event(f.o.Now(), recording.Event{ObserverError: &recording.ObserverError{What: fmt.Sprintf("bringing the plan: %v", err)}})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.plan:
		}
	}
}

// teller keeps the same trouble from being told over and over.
type teller struct {
	what string
	at   time.Time
}

func (t *teller) news(what string) bool {
	if what == t.what && time.Since(t.at) < tellEvery {
		return false
	}
	t.what, t.at = what, time.Now()
	return true
}

// pause waits, and says whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
