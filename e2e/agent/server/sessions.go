package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// A session that nobody has brought a plan to or streamed for idle is dropped: whoever began it is dead, or has ended
// without a word. maxSessions is more than a node can run workloads side by side.
const (
	idle        = 60 * time.Second
	sweep       = time.Second
	maxSessions = 64
)

// Observer observes what its plan says until the context of Run ends.
type Observer interface {
	SetPlan(p agent.Plan)
	Run(ctx context.Context)
}

// Sessions are the clients' work, each with an observer and a buffer of its own, so that one agent serves many workloads
// and none of them sees another's. Safe for concurrent use.
type Sessions struct {
	ctx   context.Context //nolint:containedctx // the life of all observers
	clock func() int64
	begin func(emit func(recording.Event)) Observer
	idle  time.Duration

	mu  sync.Mutex
	all map[string]*session
	wg  sync.WaitGroup
}

type session struct {
	ring    *Ring
	o       Observer
	end     context.CancelFunc
	streams int       // that are open
	used    time.Time // the last time that anybody wanted anything of it
}

// NewSessions has no session yet. begin makes the observer of a new one, clock stamps what it emits. All of them end with
// ctx; Wait waits for that.
func NewSessions(ctx context.Context, clock func() int64, begin func(emit func(recording.Event)) Observer) *Sessions {
	return newSessions(ctx, clock, begin, idle, sweep)
}

func newSessions(ctx context.Context, clock func() int64, begin func(emit func(recording.Event)) Observer, idle, sweep time.Duration) *Sessions {
	s := &Sessions{ctx: ctx, clock: clock, begin: begin, idle: idle, all: map[string]*session{}}
	s.wg.Go(func() {
		tick := time.NewTicker(sweep)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.drop(time.Now())
			}
		}
	})
	return s
}

// Wait waits until everything has ended, which it does when the context has.
func (s *Sessions) Wait() { s.wg.Wait() }

// Emit tells all sessions something of the agent itself.
func (s *Sessions) Emit(e recording.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		x.ring.Add(e, s.clock())
	}
}

// Ring is the buffer of the session of that name, which begins if there is none.
func (s *Sessions) Ring(name string) (*Ring, error) {
	x, err := s.use(name, 0)
	if err != nil {
		return nil, err
	}
	return x.ring, nil
}

func (s *Sessions) setPlan(name string, p agent.Plan) error {
	x, err := s.use(name, 0)
	if err == nil {
		x.o.SetPlan(p)
	}
	return err
}

// streamed counts a stream of the session as open until the returned function is called.
func (s *Sessions) streamed(name string) (*Ring, func(), error) {
	x, err := s.use(name, 1)
	if err != nil {
		return nil, nil, err
	}
	return x.ring, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		x.streams--
		x.used = time.Now()
	}, nil
}

// use gives the session of that name, with more streams open than before, and begins it if there is none.
func (s *Sessions) use(name string, streams int) (*session, error) {
	if err := agent.CheckSession(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[name]
	if x == nil {
		if len(s.all) == maxSessions {
			return nil, fmt.Errorf("%d sessions are under way, and no more are possible", maxSessions)
		}
		if err := s.ctx.Err(); err != nil {
			return nil, fmt.Errorf("the agent ends: %w", err)
		}
		x = &session{ring: NewRing()}
		var life context.Context
		life, x.end = context.WithCancel(s.ctx)
		x.o = s.begin(func(e recording.Event) { x.ring.Add(e, s.clock()) })
		s.wg.Go(func() { x.o.Run(life) })
		s.all[name] = x
		s.share()
	}
	x.streams += streams
	x.used = time.Now()
	return x, nil
}

// drop ends the sessions that nobody has used of late.
func (s *Sessions) drop(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, x := range s.all {
		if x.streams == 0 && now.Sub(x.used) > s.idle {
			x.end()
			delete(s.all, name)
		}
	}
	s.share()
}

// share gives each session its part of the memory. The lock is held.
func (s *Sessions) share() {
	for _, x := range s.all {
		x.ring.hold(keepBytes / len(s.all))
	}
}
