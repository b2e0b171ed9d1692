package scenario

import (
	"context"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Console records what the profile's console commands answer, each run once in the youngest member: after a recovery that is
// the replacement, and whether the application took it in again, it knows best. Nodes that are connected may be no cluster of
// the application's. It comes last: a command may start a VM in the pod, which is nothing that an observed pod should have.
func Console(ctx context.Context, r *Recorder, commands []profile.Command, run func(context.Context, *view.Pod, profile.Command) recording.Exec) error {
	var pod *view.Pod
	r.Ask(func(v *view.View) {
		pod = youngest(v.Expected(v.End()))
	})
	if pod == nil {
		return nil
	}
	for _, c := range commands {
		e := run(ctx, pod, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Sink(recording.Event{T: r.Now(), By: "run", Exec: &e})
	}
	return nil
}

// youngest is the pod that was created last, of several in the same second the first; nil of none.
func youngest(pods []*view.Pod) *view.Pod {
	var best *view.Pod
	for _, p := range pods {
		if best == nil || p.Last().Created.After(best.Last().Created) {
			best = p
		}
	}
	return best
}
