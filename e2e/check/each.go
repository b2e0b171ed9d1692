package check

import (
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

// Members are the pods that the formation checks judge: those that existed at the end. If enough of them are Ready,
// one more that is not Ready is the surge pod of a rolling update, which may be in the mesh or not.
func Members(v *view.View) []*view.Pod {
	if ready := v.Expected(v.End()); len(ready) > 0 && len(ready) >= v.Replicas(v.End()) {
		return ready
	}
	var all []*view.Pod
	for _, p := range v.Pods() {
		if !p.Leaving(v.End()) {
			all = append(all, p)
		}
	}
	return all
}

// NothingSeen is the finding where nothing could be checked.
func NothingSeen(v *view.View, what string) []Finding {
	return []Finding{{Subject: OnWorkload(v), Of: Images(v), Outcome: Unseen, Message: what}}
}

// Fresh is how far before the end the last observation may lie: agents observe a few pods every 250 ms, and their events arrive with
// some delay.
func Fresh(p *view.Pod) time.Duration { return 2 * p.MaxGap() }

// Recent is how far before the end the last attempt of a probe may lie. A round of dials that are all dropped takes 4 s.
const Recent = 10 * time.Second

// Settled is the window in which a formed cluster is judged: the time for which the mesh was full at the end, and at least
// the last seconds (Recent).
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
		f := NothingSeen(v, "there was no pod to check")
		f[0].Of = Everything(v)
		return f
	}
	return all
}
