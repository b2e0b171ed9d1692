// Package scenario tells the stories: formation, recovery after a pod is deleted, a rollout, a console. A scenario disturbs, lets the
// observers record, and asks the view's predicates when it may go on.
//
// In: a stream of events, disturbances to do. Out: one recording per scenario. It gives no verdict: a budget that runs out
// ends a scenario, and what that means is judged from the recording.
package scenario

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Recorder takes the events of all observers of one workload. It writes them to the recording of the scenario
// that is under way and keeps the view of it. Safe for concurrent use.
type Recorder struct {
	start time.Time
	mu    sync.Mutex
	w     *recording.Writer
	v     *view.View
	state map[string]recording.Event // the youngest event of each thing that has a state
	keys  []string
	news  chan struct{}
}

// NewRecorder begins at start: the t = 0 of every scenario.
func NewRecorder(start time.Time) *Recorder {
	return &Recorder{start: start, state: map[string]recording.Event{}, news: make(chan struct{}, 1)}
}

// Start is t = 0 of the recordings.
func (r *Recorder) Start() time.Time { return r.start }

// Now is the time since Start on the harness's monotonic clock.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Begin opens the recording of a scenario at path. What is known of the state of things (pods, Services,
// observers) is written into it first, with the times at which it became known.
func (r *Recorder) Begin(path string, h recording.Header) error {
	h.Start = r.start
	v, err := view.New(h)
	if err != nil {
		return err
	}
	w, err := recording.Create(path, h)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w, r.v = w, v
	for _, k := range r.keys {
		w.Write(r.state[k])
		v.Apply(r.state[k])
	}
	return w.Err()
}

// End closes the recording and gives its complete view.
func (r *Recorder) End() (*view.View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, w := r.v, r.w
	r.v, r.w = nil, nil
	return v, w.Close()
}

// Sink takes one event from an observer.
func (r *Recorder) Sink(e recording.Event) {
	r.mu.Lock()
	if k := e.State(); k != "" {
		if _, known := r.state[k]; !known {
			r.keys = append(r.keys, k)
		}
		r.state[k] = e
	}
	if r.w != nil {
		r.w.Write(e)
		r.v.Apply(e)
	}
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// Did records a disturbance of the run.
func (r *Recorder) Did(a recording.Act) {
	r.Sink(recording.Event{T: r.Now(), By: recording.ByRun, Act: &a})
}

// Ask gives the view of the scenario under way to ask, while no event is added to it.
func (r *Recorder) Ask(ask func(v *view.View)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ask(r.v)
}

// Until waits until the predicate of the view holds, at most for the budget. It returns what the predicate said
// last: "" when it held. The error is the context's alone; a spent budget is the judge's matter.
func (r *Recorder) Until(ctx context.Context, budget time.Duration, holds func(v *view.View) (bool, string)) (lacks string, err error) {
	deadline := time.NewTimer(budget)
	defer deadline.Stop()
	// A predicate over the young past may come true by the mere passing of time; the observers' beats bring
	// news often enough, and a look is cheap.
	const often = 50 * time.Millisecond
	for {
		var ok bool
		r.Ask(func(v *view.View) { ok, lacks = holds(v) })
		if ok {
			return "", nil
		}
		pause := time.NewTimer(often)
		select {
		case <-ctx.Done():
			pause.Stop()
			return lacks, ctx.Err()
		case <-deadline.C:
			pause.Stop()
			return lacks, nil
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return lacks, ctx.Err()
		case <-deadline.C:
			return lacks, nil
		case <-r.news:
		}
	}
}

// await is Until for the end of a scenario: a budget that is spent is logged.
func (r *Recorder) await(ctx context.Context, scenario string, budget time.Duration, log func(string), holds func(v *view.View) (bool, string)) error {
	lacks, err := r.Until(ctx, budget, holds)
	if err != nil {
		return fmt.Errorf("%s: %w; last seen: %s", scenario, err, lacks)
	}
	if lacks != "" {
		log(fmt.Sprintf("%s: the budget of %s is spent; last seen: %s", scenario, budget, lacks))
	}
	return nil
}
