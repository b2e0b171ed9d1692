package evidence

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Deletion is what the recovery scenario does: it deletes one member and leaves the others untouched; a new pod replaces it.
type Deletion struct {
	Act       recording.Event
	Victim    *view.Pod
	Survivors []*view.Pod
	Newcomers []*view.Pod // pods that appeared after the deletion and were not terminating at the end
}

// FindDeletion reads it from the view; ok is false if no pod was deleted.
func FindDeletion(v *view.View) (d Deletion, ok bool) {
	d.Act, ok = v.Act(recording.DeletePod)
	if !ok {
		return d, false
	}
	if d.Victim, ok = v.Pod(d.Act.Act.Pod); !ok {
		return d, false
	}
	for _, p := range v.Expected(d.Act.T) {
		if p != d.Victim {
			d.Survivors = append(d.Survivors, p)
		}
	}
	for _, p := range v.Pods() {
		if p.First > d.Act.T && !p.Leaving(v.End()) {
			d.Newcomers = append(d.Newcomers, p)
		}
	}
	return d, true
}

// Since says how long after the deletion t is.
func (d Deletion) Since(t time.Duration) string {
	return fmt.Sprintf("%.0f s after the deletion of %s", (t - d.Act.T).Seconds(), d.Victim.Name)
}

// TooFewOthers is the finding where there were not enough other nodes at the time of the deletion to judge anything.
func TooFewOthers(v *view.View, enough int) []check.Finding {
	f := check.Finding{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: fmt.Sprintf("fewer than %d other nodes were Ready when the pod was deleted", enough)}
	if v.Profile.Replicas() <= enough {
		f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("with %d replicas, fewer than %d other nodes remain when one pod is deleted", v.Profile.Replicas(), enough)
	}
	return []check.Finding{f}
}

// NoDeletion is the finding where no pod was deleted.
func NoDeletion(v *view.View) []check.Finding {
	return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no pod was deleted in this recording"}}
}
