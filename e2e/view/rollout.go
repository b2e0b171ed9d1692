package view

import (
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Replaced are the pods that the rollout must replace: those of its workloads that existed when it began and had not ended then.
// ok is false if no rollout has started.
func (v *View) Replaced() (old []*Pod, began time.Duration, ok bool) {
	act, ok := v.Act(recording.Rollout)
	if !ok {
		return nil, 0, false
	}
	for _, p := range v.Pods() {
		if p.First <= act.T && !p.Leaving(act.T) && v.rolls(p) {
			old = append(old, p)
		}
	}
	return old, act.T, true
}

// Replacements are the pods of those workloads that were created after the rollout began.
func (v *View) Replacements() []*Pod {
	act, ok := v.Act(recording.Rollout)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(v.Pods()), func(p *Pod) bool { return p.First <= act.T || !v.rolls(p) })
}

// rolls reports whether the pod belongs to a workload that is rolled out. The owner of a Deployment's pod is a ReplicaSet, whose
// name is the Deployment's name and a hash without a dash (Deployment controller: pod-template-hash).
func (v *View) rolls(p *Pod) bool {
	owner := p.Last().Owner
	if set, is := strings.CutPrefix(owner, "ReplicaSet/"); is {
		if i := strings.LastIndexByte(set, '-'); i > 0 {
			owner = "Deployment/" + set[:i]
		}
	}
	return slices.Contains(v.Profile.Rollout, owner)
}

// RolledOut reports whether the rollout is complete: the pods of the old version have ended and are reported as gone, and the mesh
// of the present pods has stayed full. If not, it says what is missing.
func (v *View) RolledOut() (bool, string) {
	old, began, ok := v.Replaced()
	if !ok {
		return false, "no rollout has started"
	}
	for _, p := range old {
		if _, gone := p.Exited(); !gone {
			return false, p.Name + " of the old version has not ended yet"
		}
		if !p.Leaving(v.end) {
			return false, p.Name + " of the old version is not reported as deleted yet"
		}
	}
	return v.fullAgain(began)
}
