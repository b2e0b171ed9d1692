package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

// nextVersion is the story of the rollout scenario: the pods of one version, replaced by those of the next.
type nextVersion struct {
	began    time.Duration
	old, new []*view.Pod
}

// forRollout is a judge of a rollout that has begun.
func forRollout(judge func(v *view.View, r nextVersion) []Finding) func(v *view.View) []Finding {
	return forCluster(func(v *view.View) []Finding {
		old, began, ok := v.Replaced()
		switch {
		case !ok:
			return []Finding{{Subject: onWorkload(v), Of: everything(v), Outcome: Unseen, Message: "no rollout was begun in this recording"}}
		case len(old) == 0:
			return []Finding{{Subject: onWorkload(v), Of: everything(v), Outcome: Unseen, Message: "no pod of the old version was there when the rollout began"}}
		}
		return judge(v, nextVersion{began, old, v.Replacements()})
	})
}

// left are the pods of the old version that are still there at the end, and otherwise the last of them to end and when it did.
func (r nextVersion) left(v *view.View) (there []*view.Pod, last *view.Pod, ended time.Duration) {
	for _, p := range r.old {
		at, gone := p.Exited()
		if !gone || !p.Leaving(v.End()) {
			there = append(there, p)
		}
		if gone && (last == nil || at > ended) {
			last, ended = p, at
		}
	}
	return there, last, ended
}

// since tells how long after the rollout had begun something was so.
func (r nextVersion) since(t time.Duration) string {
	return fmt.Sprintf("%.0f s after the rollout had begun", (t - r.began).Seconds())
}
