package check

import (
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

// Members are the pods that the formation checks judge: those that were there at the end. Where as many as there have
// to be are Ready, one more that is not is a surge of some rollout, which may be in the mesh or not.
func Members(v *view.View) []*view.Pod {
	if must := v.Expected(v.End()); len(must) > 0 && len(must) >= v.Profile.Replicas() {
		return must
	}
	var all []*view.Pod
	for _, p := range v.Pods() {
		if !p.Leaving(v.End()) {
			all = append(all, p)
		}
	}
	return all
}

// NothingSeen is the finding where there was nothing to look at.
func NothingSeen(v *view.View, what string) []Finding {
	return []Finding{{Subject: OnWorkload(v), Of: Images(v), Outcome: Unseen, Message: what}}
}

// Fresh is how far before the end the youngest look of an observer may lie: agents look every 250 ms, and are heard with
// some delay.
const Fresh = 2 * view.MaxGap

// Recent is how far back the youngest attempt of a probe may lie. A round of dials that are all dropped takes 4 s.
const Recent = 10 * time.Second

// Settled is the window in which a formed cluster is judged: the time that the mesh has held at the end, and at least
// what is recent.
func Settled(v *view.View) (from, to time.Duration) {
	to = v.End()
	from = max(0, to-Recent)
	if m := v.Mesh(to); m.Full {
		from = min(from, m.Since)
	}
	return from, to
}

// EachPod judges each member.
func EachPod(v *view.View, judge func(p *view.Pod) Finding) []Finding {
	var all []Finding
	for _, p := range Members(v) {
		all = append(all, judge(p))
	}
	if len(all) == 0 {
		f := NothingSeen(v, "there was no pod to look at")
		f[0].Of = Everything(v)
		return f
	}
	return all
}
