package evidence

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Deletion is the removal of one member by a scenario: it was deleted, evicted, or lost with its node. Others were removed with it,
// or left untouched; new pods replace them.
type Deletion struct {
	Act       recording.Event
	Victim    *view.Pod
	Survivors []*view.Pod // those that the scenario did not touch
	Newcomers []*view.Pod // pods that appeared after the first removal and were not terminating at the end
}

// FindDeletions reads them from the view, in their order; none if no pod was removed.
func FindDeletions(v *view.View) []Deletion {
	removed := v.Removed()
	if len(removed) == 0 {
		return nil
	}
	var survivors, newcomers []*view.Pod
	began := removed[0].Act.T
	for _, p := range v.Expected(began) {
		if !slices.ContainsFunc(removed, func(r view.Removal) bool { return r.Pod == p }) {
			survivors = append(survivors, p)
		}
	}
	for _, p := range v.Pods() {
		if p.First > began && !p.Leaving(v.End()) {
			newcomers = append(newcomers, p)
		}
	}
	var all []Deletion
	for _, r := range removed {
		all = append(all, Deletion{r.Act, r.Pod, survivors, newcomers})
	}
	return all
}

// FindDeletion is the first of them; ok is false if there is none.
func FindDeletion(v *view.View) (d Deletion, ok bool) {
	all := FindDeletions(v)
	if len(all) == 0 {
		return d, false
	}
	return all[0], true
}

// Replaced is, of the deletions, that of the pod whose node name the newcomer has taken over, else the first: only the pods of a
// StatefulSet come back under their names.
func Replaced(all []Deletion, newcomer *view.Pod) Deletion {
	for _, d := range all {
		if n := d.Victim.Node(); n != "" && n == newcomer.Node() {
			return d
		}
	}
	return all[0]
}

// What says what was done: "the deletion of derl-x".
func (d Deletion) What() string {
	what := "the deletion of "
	switch d.Act.Act.Do {
	case recording.ForceDelete:
		what = "the forced deletion of "
	case recording.EvictPod:
		what = "the eviction of "
	case recording.CutNode:
		what = "the loss of the node of "
	case recording.Scale:
		what = "scaling down, which removed "
	}
	return what + d.Victim.Name
}

// Since says how long after the deletion t is.
func (d Deletion) Since(t time.Duration) string {
	return fmt.Sprintf("%.0f s after %s", (t - d.Act.T).Seconds(), d.What())
}

// TooFewOthers is the finding where there were not enough other nodes at the time of the deletion to judge anything.
func TooFewOthers(v *view.View, enough int) []check.Finding {
	f := check.Finding{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: fmt.Sprintf("fewer than %d other nodes were Ready when the pod was deleted", enough)}
	if n := len(v.Removed()); n > 1 && v.Profile.Replicas()-n < enough {
		f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("%d of %d pods were removed at once, so that fewer than %d others remained", n, v.Profile.Replicas(), enough)
	}
	if v.Profile.Replicas() <= enough {
		f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("with %d replicas, fewer than %d other nodes remain when one pod is deleted", v.Profile.Replicas(), enough)
	}
	return []check.Finding{f}
}

// NoDeletion is the finding where no pod was deleted.
func NoDeletion(v *view.View) []check.Finding {
	return NotDone(v, "no pod was deleted in this recording")
}

// NotDone is the finding where the scenario did not do what is judged. It begins with a healthy mesh, or does nothing at all.
func NotDone(v *view.View, what string) []check.Finding {
	if e, not := v.Act(recording.NotDone); not {
		what += ": " + e.Act.Detail
	}
	return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: what}}
}
