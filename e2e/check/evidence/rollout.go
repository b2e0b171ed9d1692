package evidence

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// Rollout is what the rollout scenario does: the pods of one version, replaced by those of the next.
type Rollout struct {
	Began    time.Duration
	Old, New []*view.Pod
}

// ForRollout is a judge of a rollout that was started.
func ForRollout(judge func(v *view.View, r Rollout) []check.Finding) func(v *view.View) []check.Finding {
	return ForCluster(func(v *view.View) []check.Finding {
		old, began, ok := v.Replaced()
		switch {
		case !ok:
			return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no rollout was started in this recording"}}
		case len(old) == 0:
			return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no pod of the old version existed when the rollout started"}}
		}
		return judge(v, Rollout{began, old, v.Replacements()})
	})
}

// Remaining are the pods of the old version that still exist at the end, and also the last of them to exit and when it did.
func (r Rollout) Remaining(v *view.View) (remaining []*view.Pod, last *view.Pod, ended time.Duration) {
	for _, p := range r.Old {
		at, gone := p.Exited()
		if !gone || !p.Leaving(v.End()) {
			remaining = append(remaining, p)
		}
		if gone && (last == nil || at > ended) {
			last, ended = p, at
		}
	}
	return remaining, last, ended
}

// Since says how long after the start of the rollout t is.
func (r Rollout) Since(t time.Duration) string {
	return fmt.Sprintf("%.0f s after the rollout started", (t - r.Began).Seconds())
}
