package scenario

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Recorder gets the events of all observers of one workload. It writes them to the recording of the scenario that is under way
// and keeps the view of it. Safe for concurrent use.
type Recorder struct {
	start time.Time
	mu    sync.Mutex
	w     *recording.Writer
	v     *view.View
	state map[string]recording.Event // the latest event of each thing that has a state
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

// Ask lets ask read the view of the scenario under way; no event is added to it meanwhile.
func (r *Recorder) Ask(ask func(v *view.View)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ask(r.v)
}

// Until waits until the predicate of the view holds, at most for the budget. It returns what was missing last: "" when it
// held. The error is the context's alone; what a spent budget means is up to the judge.
func (r *Recorder) Until(ctx context.Context, budget time.Duration, holds func(v *view.View) (bool, string)) (missing string, err error) {
	deadline := time.NewTimer(budget)
	defer deadline.Stop()
	// A predicate over the recent past may come true by the passing of time alone. The observers' beats bring news often
	// enough, and to ask is cheap.
	const often = 50 * time.Millisecond
	for {
		var ok bool
		r.Ask(func(v *view.View) { ok, missing = holds(v) })
		if ok {
			return "", nil
		}
		pause := time.NewTimer(often)
		select {
		case <-ctx.Done():
			pause.Stop()
			return missing, ctx.Err()
		case <-deadline.C:
			pause.Stop()
			return missing, nil
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return missing, ctx.Err()
		case <-deadline.C:
			return missing, nil
		case <-r.news:
		}
	}
}

// await is Until for the end of a scenario: a budget that is spent is logged.
func (env *Env) await(ctx context.Context, budget time.Duration, holds func(v *view.View) (bool, string)) error {
	missing, err := env.Until(ctx, budget, holds)
	if err != nil {
		return fmt.Errorf("%w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Log(fmt.Sprintf("the budget of %s is spent; last seen: %s", budget, missing))
		// What is not watched at the end is not known: a moment more may show it.
		_, err = env.Until(ctx, watchAgain, (*view.View).Watched)
	}
	return err
}

// watchAgain is how much longer a scenario lasts at most, where its pods are not watched at its end.
const watchAgain = 5 * time.Second

// baseline is how long a healthy mesh is watched before it is disturbed: long enough for the links that last
// to be told from those that come and go.
const baseline = 1500 * time.Millisecond

// healthy waits for a mesh that is worth disturbing, and reports whether there is one.
func (env *Env) healthy(ctx context.Context, budget time.Duration) (bool, error) {
	missing, err := env.Until(ctx, budget, func(v *view.View) (bool, string) {
		ok, m := v.Held(baseline)
		if ok && !v.LinksWatched(baseline) {
			return false, "the socket tables were not all seen yet"
		}
		if ok && !v.Heard() {
			return false, "whether the nodes ask for their peers was not heard yet"
		}
		return ok, m.String()
	})
	if err != nil {
		return false, fmt.Errorf("before the disturbance: %w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Log("no healthy mesh to disturb; last seen: " + missing)
	}
	return missing == "", nil
}
