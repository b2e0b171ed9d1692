package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// A session without a new plan or a stream for idleTimeout is removed: its client has ended. maxSessions is more than the
// number of workloads that a node can run at the same time.
const (
	idleTimeout = 60 * time.Second
	dropEvery   = time.Second
	maxSessions = 64
)

// planWait is how long a plan may come after a request that needs it: both are sent at the same time, over connections of
// their own.
const planWait = 3 * time.Second

// Observer makes the observations of its plan until the context of Run ends.
type Observer interface {
	SetPlan(p agent.Plan)
	Run(ctx context.Context)
}

// Sessions are the sessions of all clients. Each has its own observer and buffer, so that one agent serves many workloads
// and none of them sees another's events. Safe for concurrent use.
type Sessions struct {
	ctx         context.Context //nolint:containedctx // the life of all observers
	clock       func() int64
	newObserver func(emit func(recording.Event)) Observer
	idleTimeout time.Duration
	planWait    time.Duration

	mu  sync.Mutex
	all map[string]*session
	wg  sync.WaitGroup
}

type session struct {
	ring     *Ring
	pods     []agent.Pod // of the plan
	observer Observer
	cancel   context.CancelFunc
	streams  int       // open streams
	lastUsed time.Time // time of the last request
}

// NewSessions returns an empty Sessions. newObserver returns the observer of a new session, clock gives the time of its events.
// All sessions end with ctx; Wait waits for that.
func NewSessions(ctx context.Context, clock func() int64, newObserver func(emit func(recording.Event)) Observer) *Sessions {
	return newSessions(ctx, clock, newObserver, idleTimeout, dropEvery)
}

func newSessions(ctx context.Context, clock func() int64, newObserver func(emit func(recording.Event)) Observer, idle, sweep time.Duration) *Sessions {
	s := &Sessions{ctx: ctx, clock: clock, newObserver: newObserver, idleTimeout: idle, planWait: planWait, all: map[string]*session{}}
	s.wg.Go(func() {
		tick := time.NewTicker(sweep)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.dropIdle(time.Now())
			}
		}
	})
	return s
}

// Wait waits until all sessions have ended, after their context has.
func (s *Sessions) Wait() { s.wg.Wait() }

// Emit adds an event about the agent itself to all sessions.
func (s *Sessions) Emit(e recording.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		x.ring.Add(e, s.clock())
	}
}

// Ring is the buffer of the session, which is created if needed.
func (s *Sessions) Ring(name string) (*Ring, error) {
	x, err := s.getOrCreate(name, 0)
	if err != nil {
		return nil, err
	}
	return x.ring, nil
}

func (s *Sessions) setPlan(name string, p agent.Plan) error {
	x, err := s.getOrCreate(name, 0)
	if err == nil {
		s.mu.Lock()
		x.pods = p.Pods
		s.mu.Unlock()
		x.observer.SetPlan(p)
	}
	return err
}

// AwaitRule returns an error unless the pod of the rule, with its address, and its peer are in one session's plan: the agent
// disturbs the pods under test and nobody else.
func (s *Sessions) AwaitRule(ctx context.Context, r agent.Rule) error {
	return s.await(ctx, func(pods []agent.Pod) bool {
		own := slices.ContainsFunc(pods, func(p agent.Pod) bool { return p.UID == r.Pod && p.IP == r.IP })
		return own && (r.Peer == "" || slices.ContainsFunc(pods, func(p agent.Pod) bool { return p.UID != r.Pod && p.IP == r.Peer }))
	}, r.String())
}

// AwaitPod returns an error unless the pod is in a session's plan.
func (s *Sessions) AwaitPod(ctx context.Context, uid string) error {
	return s.await(ctx, func(pods []agent.Pod) bool {
		return slices.ContainsFunc(pods, func(p agent.Pod) bool { return p.UID == uid })
	}, "pod "+uid)
}

func (s *Sessions) await(ctx context.Context, has func([]agent.Pod) bool, what string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.planWait, errors.New("refused: not of the pods that a plan names"))
	defer cancel()
	for !s.planned(has) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *Sessions) planned(has func([]agent.Pod) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if has(x.pods) {
			return true
		}
	}
	return false
}

// openStream counts one more open stream of the session until the returned function is called.
func (s *Sessions) openStream(name string) (*Ring, func(), error) {
	x, err := s.getOrCreate(name, 1)
	if err != nil {
		return nil, nil, err
	}
	return x.ring, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		x.streams--
		x.lastUsed = time.Now()
	}, nil
}

// getOrCreate returns the session, which is created if needed, and adds streams to its open streams.
func (s *Sessions) getOrCreate(name string, streams int) (*session, error) {
	if err := agent.CheckSession(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[name]
	if x == nil {
		if len(s.all) == maxSessions {
			return nil, fmt.Errorf("cannot create session %s: the agent has %d sessions, which is its limit", name, maxSessions)
		}
		if err := s.ctx.Err(); err != nil {
			return nil, fmt.Errorf("cannot create session %s: the agent is shutting down: %w", name, err)
		}
		x = &session{ring: NewRing()}
		var life context.Context
		life, x.cancel = context.WithCancel(s.ctx)
		x.observer = s.newObserver(func(e recording.Event) { x.ring.Add(e, s.clock()) })
		s.wg.Go(func() { x.observer.Run(life) })
		s.all[name] = x
		s.shareMemory()
	}
	x.streams += streams
	x.lastUsed = time.Now()
	return x, nil
}

// dropIdle ends the sessions that were not used for the idle timeout.
func (s *Sessions) dropIdle(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, x := range s.all {
		if x.streams == 0 && now.Sub(x.lastUsed) > s.idleTimeout {
			x.cancel()
			delete(s.all, name)
		}
	}
	s.shareMemory()
}

// shareMemory divides the memory among the sessions. The caller holds the lock.
func (s *Sessions) shareMemory() {
	for _, x := range s.all {
		x.ring.setMaxBytes(keepBytes / len(s.all))
	}
}
