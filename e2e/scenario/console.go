package scenario

import (
	"context"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// console records the output of the profile's console commands, each run once in the newest member: after a recovery that is
// the replacement, which shows best whether the application accepted it. Connected nodes need not be a cluster for the
// application. It is the last scenario: a command may start a VM in the pod, which would disturb the other scenarios.
func console() Scenario {
	return Scenario{
		Name:       "console",
		Changeless: true,
		Applies: func(p *profile.Resolved) (bool, string) {
			return len(p.Console) > 0, "the profile has no console commands (spec.console)"
		},
		Estimate: 8 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return time.Duration(len(p.Console)) * execLimit },
		Run: func(ctx context.Context, env *Env) error {
			var pod *view.Pod
			env.Ask(func(v *view.View) { pod = youngest(v.Expected(v.End())) })
			if pod == nil {
				return nil
			}
			for _, c := range env.Profile.Console {
				e := env.Workload.Exec(ctx, pod, c)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				env.Sink(recording.Event{T: env.Now(), By: "run", Exec: &e})
			}
			return nil
		},
	}
}

// execLimit is how long one command may take.
const execLimit = time.Minute

// youngest is the pod that was created last, of several in the same second the first; nil if there is none.
func youngest(pods []*view.Pod) *view.Pod {
	var best *view.Pod
	for _, p := range pods {
		if best == nil || p.Last().Created.After(best.Last().Created) {
			best = p
		}
	}
	return best
}
