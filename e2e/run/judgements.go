package run

import (
	"context"
	"errors"
	"sync"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/scenario"
)

// judgements are the results of a run under way, for those who wait for them. Safe for concurrent use.
type judgements struct {
	mu    sync.Mutex
	all   map[judged]judge.Profile
	news  chan struct{} // closed and made anew whenever something is published
	ended chan struct{} // closed when nothing more will come
}

// judged is what a judgement is of.
type judged struct {
	workload string
	scenario scenario.Name
}

func newJudgements() *judgements {
	return &judgements{all: map[judged]judge.Profile{}, news: make(chan struct{}), ended: make(chan struct{})}
}

// unawaited are the judgements of a run in which nobody waits for one: none is kept. A hundred workloads with one after each of their
// scenarios are half of what the run holds.
func unawaited() *judgements { return &judgements{ended: make(chan struct{})} }

// publish makes a judgement known to those who wait.
func (j *judgements) publish(of judged, p judge.Profile) {
	if j.all == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all[of] = p
	close(j.news)
	j.news = make(chan struct{})
}

// errEnded says that the run ended without what was waited for.
var errEnded = errors.New("the run has ended") //nolint:gochecknoglobals // an error to compare with

// wait waits until get finds something. The error is that of the context, or errEnded.
func (j *judgements) wait(ctx context.Context, get func(all map[judged]judge.Profile) bool) error {
	for over := false; ; {
		j.mu.Lock()
		found, news := get(j.all), j.news
		j.mu.Unlock()
		if found {
			return nil
		}
		if over {
			return errEnded
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		case <-j.ended:
			over = true // the last may have come just before
		}
	}
}
