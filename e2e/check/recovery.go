package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// deletion is the story of the recovery scenario: one member deleted, the others untouched, a new one instead.
type deletion struct {
	act       recording.Event
	victim    *view.Pod
	survivors []*view.Pod
	newcomers []*view.Pod // pods that appeared after the disturbance and were not on their way out at the end
}

// deleted reads the story out of the view; ok is false when no pod was deleted in it.
func deleted(v *view.View) (d deletion, ok bool) {
	d.act, ok = v.Act("delete-pod")
	if !ok {
		return d, false
	}
	d.victim = v.Pod(d.act.Act.Pod)
	if d.victim == nil {
		return d, false
	}
	for _, p := range v.Expected(d.act.T) {
		if p != d.victim {
			d.survivors = append(d.survivors, p)
		}
	}
	for _, p := range v.Pods() {
		if p.First > d.act.T && !p.Leaving(v.End()) {
			d.newcomers = append(d.newcomers, p)
		}
	}
	return d, true
}

// since tells how long after the deletion something was so.
func (d deletion) since(t time.Duration) string {
	return fmt.Sprintf("%.0f s after the deletion of %s", (t - d.act.T).Seconds(), d.victim.Name)
}

// alone is the finding where not enough other nodes were there at the deletion to judge anything by.
func alone(v *view.View, enough int) []Finding {
	f := Finding{Subject: onWorkload(v), Of: everything(v), Outcome: Unseen, Message: fmt.Sprintf("fewer than %d other nodes were Ready when the pod was deleted", enough)}
	if v.Profile.Replicas() <= enough {
		f.Outcome, f.Message = NotApplicable, fmt.Sprintf("with %d replicas fewer than %d nodes are left untouched", v.Profile.Replicas(), enough)
	}
	return []Finding{f}
}

func noDeletion(v *view.View) []Finding {
	return []Finding{{Subject: onWorkload(v), Of: everything(v), Outcome: Unseen, Message: "no pod was deleted in this recording"}}
}
