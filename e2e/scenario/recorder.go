package scenario

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Recorder receives the events of all observers of one workload. It writes them to the recording of the current scenario and
// keeps its view. Safe for concurrent use.
type Recorder struct {
	start time.Time
	mu    sync.Mutex
	w     *recording.Writer
	v     *view.View
	state map[string]recording.Event // the latest event of each thing that has a state
	keys  []string
	wrong []recording.Event // acts that make later scenarios void, too
	news  chan struct{}
}

// NewRecorder creates a recorder; start is t = 0 of every scenario.
func NewRecorder(start time.Time) *Recorder {
	return &Recorder{start: start, state: map[string]recording.Event{}, news: make(chan struct{}, 1)}
}

// Start is t = 0 of the recordings.
func (r *Recorder) Start() time.Time { return r.start }

// Now is the time since Start on the harness's monotonic clock.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Begin opens the recording of a scenario at path. The latest known states (pods, Services, observers) are written first, with
// the times at which they became known, and what went wrong in an earlier scenario of the same workload and still is wrong.
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
	for _, e := range r.wrong {
		w.Write(e)
		v.Apply(e)
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
	r.add(e)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *Recorder) add(e recording.Event) {
	r.mu.Lock()
	defer r.mu.Unlock() // also after a panic: others wait for the view
	if k := e.State(); k != "" {
		if _, known := r.state[k]; !known {
			r.keys = append(r.keys, k)
		}
		r.state[k] = e
	}
	if e.Act != nil {
		r.remember(e)
	}
	if r.w != nil {
		r.w.Write(e)
		r.v.Apply(e)
	}
}

// remember keeps what makes a scenario void for those that follow it: they are made with the same pods, which may have only a part
// of their faults. A fault that could not be healed is no longer of interest when its pod is healed.
func (r *Recorder) remember(e recording.Event) {
	switch e.Act.Do {
	case recording.Void, recording.Unhealed:
		r.wrong = append(r.wrong, e)
	case recording.Heal:
		r.wrong = slices.DeleteFunc(r.wrong, func(w recording.Event) bool { return w.Act.Do == recording.Unhealed && w.Act.Pod == e.Act.Pod })
	}
}

// Did records an injection by the run.
func (r *Recorder) Did(a recording.Act) {
	r.Sink(recording.Event{T: r.Now(), By: recording.ByRun, Act: &a})
}

// Ask lets ask read the view of the current scenario; no event is added at the same time.
func (r *Recorder) Ask(ask func(v *view.View)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ask(r.v)
}

// Until waits for what the predicate of the view says, at most for the budget. It returns what was missing at the end: "" if
// nothing was. The error can only be the context's; the judge decides what an expired budget means.
func (r *Recorder) Until(ctx context.Context, budget time.Duration, what string, holds func(v *view.View) (bool, string)) (missing string, err error) {
	shown := progress.Wait(ctx, what)
	defer shown.Done()
	deadline := time.NewTimer(budget)
	defer deadline.Stop()
	// A predicate about the recent past may become true only because time passes. The observers' beats are frequent enough, and
	// asking is cheap.
	const often = 50 * time.Millisecond
	for {
		var ok bool
		r.Ask(func(v *view.View) { ok, missing = holds(v) })
		if ok {
			return "", nil
		}
		shown.Seen(missing)
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

// await is Until for the end of a scenario: it logs an expired budget.
func (env *Env) await(ctx context.Context, budget time.Duration, what string, holds func(v *view.View) (bool, string)) error {
	missing, err := env.Until(ctx, budget, what, holds)
	if err != nil {
		return fmt.Errorf("%w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Log(fmt.Sprintf("the budget of %s has expired; last seen: %s", budget, missing))
		// Pods that are not watched at the end are unknown: a little more time may show them.
		_, err = env.Until(ctx, watchAgain, env.name()+" to be watched again", (*view.View).Watched)
	}
	return err
}

// name is the workload's, with that of its mutant.
func (env *Env) name() string {
	if env.Profile.Mutant != "" {
		return env.Profile.Name + "/" + env.Profile.Mutant
	}
	return env.Profile.Name
}

// watchAgain is how much longer a scenario lasts at most, if its pods are not watched at its end.
const watchAgain = 5 * time.Second

// baseline is how long a healthy mesh is observed before the injection: long enough to distinguish lasting links from short
// ones.
const baseline = 1500 * time.Millisecond

// mostFaster is how long observers look faster at most.
const mostFaster = 5 * time.Minute

// healthy waits for a healthy mesh, and reports whether there is one.
func (env *Env) healthy(ctx context.Context, budget time.Duration) (bool, error) {
	// What comes is to be seen exactly, and the last looks before it, too. The run ends it with the scenario.
	if env.Faster != nil {
		env.Faster(min(2*budget, mostFaster))
	}
	missing, err := env.Until(ctx, budget, env.name()+" to be a healthy mesh, before anything is done to it", func(v *view.View) (bool, string) {
		ok, m := v.Held(baseline)
		if ok && !v.LinksWatched(baseline) {
			return false, "not all socket tables were seen yet"
		}
		if ok && !v.LookupsKnown() {
			return false, "it is not known yet whether the nodes look up their peers"
		}
		return ok, m.String()
	})
	if err != nil {
		return false, fmt.Errorf("before the injection: %w; last seen: %s", err, missing)
	}
	if missing != "" {
		env.Did(recording.Act{Do: recording.NotDone, Detail: "there was no healthy mesh to begin with: " + missing})
		env.Log("no healthy mesh, so nothing was injected; last seen: " + missing)
	}
	return missing == "", nil
}
