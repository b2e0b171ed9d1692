package episode

import (
	"context"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Console records what the profile's console commands answer, each run once in the first member. It comes last: a
// command may start a VM in the pod, which is nothing that an observed pod should have.
func Console(ctx context.Context, r *Recorder, commands []profile.Command, run func(context.Context, *view.Pod, profile.Command) recording.Exec) error {
	var pod *view.Pod
	r.Ask(func(v *view.View) {
		if must := v.Must(v.End()); len(must) > 0 {
			pod = must[0]
		}
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
