package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Removal is one pod that the scenario has had removed, and the act.
type Removal struct {
	Act recording.Event
	Pod *Pod
}

// Removed are the pods that were deleted, evicted or lost with their node, in the order of the acts, and those that Kubernetes chose
// when the workload was scaled down.
func (v *View) Removed() []Removal {
	var all []Removal
	want := v.Profile.Replicas()
	for _, e := range v.acts {
		switch e.Act.Do {
		case recording.DeletePod, recording.ForceDelete, recording.EvictPod, recording.CutNode:
			if p, known := v.Pod(e.Act.Pod); known {
				all = append(all, Removal{e, p})
			}
		case recording.Scale:
			for _, p := range v.Pods() {
				if e.Act.Replicas < want && p.First <= e.T && !p.Leaving(e.T) && p.Leaving(v.end) {
					all = append(all, Removal{e, p})
				}
			}
			want = e.Act.Replicas
		}
	}
	return all
}

// Replicas is how many pods must be in the mesh at t: as many as the profile has, or as the workload was scaled to. A pod of a
// StatefulSet is not replaced before its node is back, and so it is not counted while that is cut off.
func (v *View) Replicas(t time.Duration) int {
	n, away := v.Profile.Replicas(), 0
	for _, e := range v.acts {
		switch {
		case e.T > t:
		case e.Act.Do == recording.Scale:
			n = e.Act.Replicas
		case e.Act.Do == recording.CutNode:
			if p, known := v.Pod(e.Act.Pod); known && p.NotReplaced() {
				away++
			}
		}
	}
	return n - away
}

// NotReplaced reports whether Kubernetes replaces the pod only when it is certain that it has ended: a StatefulSet must not have two
// pods of one name.
func (p *Pod) NotReplaced() bool { return strings.HasPrefix(p.Last().Owner, "StatefulSet/") }

// Scaled reports whether the workload has the number of pods that it was last scaled to, and the mesh of them has stayed full. If
// not, it says what is missing.
func (v *View) Scaled() (bool, string) {
	i := len(v.acts) - 1
	for i >= 0 && v.acts[i].Act.Do != recording.Scale {
		i--
	}
	if i < 0 {
		return false, "the workload was not scaled yet"
	}
	have := 0
	for _, p := range v.Pods() {
		if !p.Leaving(v.end) {
			have++
		}
	}
	act := v.acts[i]
	if have != act.Act.Replicas {
		return false, fmt.Sprintf("there are %d pods, and %d are wanted", have, act.Act.Replicas)
	}
	if why := v.stillThere(); why != "" {
		return false, why
	}
	return v.fullAgain(act.T)
}

// WithoutNode reports whether the mesh goes on without a node of the cluster that was cut off: the pods on it are no longer Ready, no
// other pod sees them, and the others, with those that replace them, have been a full mesh since. If not, it says what is missing.
func (v *View) WithoutNode() (bool, string) {
	act, ok := v.Act(recording.CutNode)
	if !ok {
		return false, "no node was cut off yet"
	}
	for _, r := range v.Removed() {
		if r.Pod.Ready(v.end) {
			return false, r.Pod.Name + " is still reported as Ready"
		}
	}
	if ok, lacks := v.fullAgain(act.T); !ok {
		return false, lacks
	}
	for _, p := range v.Expected(v.end) {
		e := last(p.Nodes, v.end)
		for _, r := range v.Removed() {
			if e != nil && slices.ContainsFunc(e.Nodes.Visible, r.Pod.Is) {
				return false, p.Name + " still sees the node of " + r.Pod.Name
			}
		}
	}
	return true, ""
}

// EPMDGone reports whether epmd of the pod in which it was killed was dialled since, and refused the connection. If not, it says what
// was seen.
func (v *View) EPMDGone() (bool, string) {
	act, killed := v.Act(recording.KillEPMD)
	if !killed {
		return false, "epmd of no pod was killed yet"
	}
	p, known := v.Pod(act.Act.Pod)
	if !known {
		return false, "the pod was never seen"
	}
	dials := During(p.ToEPMD, act.T+1, v.end)
	if len(dials) == 0 {
		return false, "epmd of " + p.Name + " was not dialled since"
	}
	d := dials[len(dials)-1]
	return d.Outcome() == recording.Refused, fmt.Sprintf("a dial to epmd of %s: %s", p.Name, d.Outcome())
}

// keptOut is how long a node must have refused the cookie of the others until it is not expected to take it any more.
const keptOut = 15 * time.Second

// Rotated reports whether it is known what becomes of a pod that is replaced after the cookie was changed: the mesh is full again, or the
// replacement has refused the cookie of the others for a while. If not, it says what is missing.
func (v *View) Rotated() (bool, string) {
	act, rotated := v.Act(recording.RotateSecret)
	if !rotated {
		return false, "no cookie was changed yet"
	}
	for _, p := range v.Pods() {
		if p.First < act.T || !p.Ready(v.end) || v.end-max(p.changed(v.end), p.First) < keptOut {
			continue
		}
		asked := Between(p.Nodes, v.end-keptOut, v.end)
		if len(asked) > 0 && !slices.ContainsFunc(asked, func(e recording.Event) bool { return e.Nodes.Outcome != recording.Denied }) {
			return true, ""
		}
	}
	return v.Recovered()
}

// stillThere says which of the removed pods has not ended, or is not reported as ended, "" for none.
func (v *View) stillThere() string {
	for _, r := range v.Removed() {
		p := r.Pod
		if _, gone := p.Exited(); !gone {
			return p.Name + " has not ended yet"
		}
		if !p.Leaving(v.end) {
			return p.Name + " is not reported as deleted yet"
		}
		if s := p.Last(); !s.Gone && !ended(s) {
			return "how the containers of " + p.Name + " ended is not reported yet"
		}
	}
	return ""
}
